// Package config reads the environment of a function into one typed value.
//
// Everything that is wrong is reported together, so that a deployment is mended in one go. The environment holds names
// and addresses only: the signing secret and the API key stay in Secrets Manager and are named here by their ids.
package config
