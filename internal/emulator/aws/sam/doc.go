// Package sam reads a SAM or CloudFormation template and resolves it as a deployment would, without AWS.
//
// Parse evaluates parameters, conditions, mappings and intrinsic functions in their long and short forms, merges SAM's
// Globals, drops what a false condition leaves out, and gives every resource the name, ARN and URL by which the others
// refer to it. What only AWS can know, such as Fn::ImportValue, is an error; nothing is guessed about a resource type
// that is known, and an unknown type gets a name and an ARN that say whose they are.
//
// Formats: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html and
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy.html.
package sam
