package secretsmanager_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/secretsmanager"
)

const secretARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:signing-AbCdEf"

// newSecrets returns a service with the secret "signing", which has no value yet, and a client.
func newSecrets(t *testing.T) (*emulated.Service, *secretsmanager.Client) {
	t.Helper()
	store := emulated.New(func() time.Time { return time.UnixMilli(1_700_000_000_500) })
	if err := store.AddSecret("signing", secretARN); err != nil {
		t.Fatalf("AddSecret: %v", err)
	}
	return store, secretsmanager.NewFromConfig(sdktest.Config(sdktest.Serve(t, awsjson.New(nil, store.Operations()))))
}

func get(t *testing.T, c *secretsmanager.Client, stage string) string {
	t.Helper()
	out, err := c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("signing"), VersionStage: aws.String(stage)})
	if err != nil {
		t.Fatalf("GetSecretValue of %s: %v", stage, err)
	}
	return aws.ToString(out.SecretString)
}

func TestSecretIsFoundByNameAndARN(t *testing.T) {
	t.Parallel()
	store, client := newSecrets(t)
	if err := store.Put("signing", "whsec_1"); err != nil {
		t.Fatalf("Put: %v", err)
	}
	for _, id := range []string{"signing", secretARN, strings.TrimSuffix(secretARN, "-AbCdEf")} {
		out, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
		if err != nil {
			t.Fatalf("GetSecretValue(%q): %v", id, err)
		}
		want := &secretsmanager.GetSecretValueOutput{
			ARN: aws.String(secretARN), Name: aws.String("signing"), VersionId: out.VersionId, SecretString: aws.String("whsec_1"),
			VersionStages: []string{"AWSCURRENT"}, CreatedDate: aws.Time(time.UnixMilli(1_700_000_000_500).UTC()),
		}
		ignore := cmp.Options{cmpopts.IgnoreFields(*out, "ResultMetadata"), cmpopts.IgnoreUnexported(*out)}
		if diff := cmp.Diff(want, out, ignore); diff != "" {
			t.Errorf("GetSecretValue(%q) (-want +got):\n%s", id, diff)
		}
	}
}

func TestMissingSecretsAndVersionsAreNotFound(t *testing.T) {
	t.Parallel()
	store, client := newSecrets(t)
	check := func(in *secretsmanager.GetSecretValueInput, want string) {
		t.Helper()
		_, err := client.GetSecretValue(t.Context(), in)
		if missing := (*types.ResourceNotFoundException)(nil); !errors.As(err, &missing) || missing.ErrorMessage() != want {
			t.Errorf("GetSecretValue(%q) = %v, want ResourceNotFoundException %q", aws.ToString(in.SecretId), err, want)
		}
	}
	check(&secretsmanager.GetSecretValueInput{SecretId: aws.String("typo")}, "Secrets Manager can't find the specified secret.")
	check(&secretsmanager.GetSecretValueInput{SecretId: aws.String("signing")},
		"Secrets Manager can't find the specified secret value for staging label: AWSCURRENT")
	if err := store.Put("signing", "whsec_1"); err != nil {
		t.Fatalf("Put: %v", err)
	}
	check(&secretsmanager.GetSecretValueInput{SecretId: aws.String("signing"), VersionStage: aws.String("AWSPREVIOUS")},
		"Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS")
	check(&secretsmanager.GetSecretValueInput{SecretId: aws.String("signing"), VersionId: aws.String("none")},
		"Secrets Manager can't find the specified secret value for VersionId: none")
}

func TestRotationKeepsThePreviousValue(t *testing.T) {
	t.Parallel()
	store, client := newSecrets(t)
	for _, value := range []string{"whsec_1", "whsec_2", "whsec_3"} {
		if _, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("signing"), SecretString: &value}); err != nil {
			t.Fatalf("PutSecretValue(%s): %v", value, err)
		}
	}
	if got := get(t, client, "AWSCURRENT"); got != "whsec_3" {
		t.Errorf("AWSCURRENT = %s, want whsec_3", got)
	}
	if got := get(t, client, "AWSPREVIOUS"); got != "whsec_2" {
		t.Errorf("AWSPREVIOUS = %s, want whsec_2", got)
	}
	out, err := client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String(secretARN)})
	if err != nil {
		t.Fatalf("DescribeSecret: %v", err)
	}
	if len(out.VersionIdsToStages) != 2 || aws.ToString(out.Name) != "signing" {
		t.Errorf("DescribeSecret = %s with %v, want signing with two versions", aws.ToString(out.Name), out.VersionIdsToStages)
	}
	if got, err := store.Value("signing"); err != nil || got != "whsec_3" {
		t.Errorf("Value = %q, %v; want whsec_3", got, err)
	}
}

func TestStagesMoveBack(t *testing.T) {
	t.Parallel()
	_, client := newSecrets(t)
	put := func(token, value string, stages ...string) {
		t.Helper()
		_, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
			SecretId: aws.String("signing"), SecretString: &value, ClientRequestToken: aws.String(token), VersionStages: stages,
		})
		if err != nil {
			t.Fatalf("PutSecretValue(%s): %v", token, err)
		}
	}
	first, second := strings.Repeat("1", 32), strings.Repeat("2", 32)
	put(first, "whsec_1")
	put(second, "whsec_2", "AWSPENDING")
	if got := get(t, client, "AWSCURRENT"); got != "whsec_1" {
		t.Errorf("AWSCURRENT = %s while the next one is pending, want whsec_1", got)
	}
	put(second, "whsec_2", "AWSCURRENT")
	put(first, "whsec_1", "AWSCURRENT") // a rollback
	if current, previous := get(t, client, "AWSCURRENT"), get(t, client, "AWSPREVIOUS"); current != "whsec_1" || previous != "whsec_2" {
		t.Errorf("after the rollback: current %s, previous %s; want whsec_1, whsec_2", current, previous)
	}
}

func TestInvalidValuesAreRefused(t *testing.T) {
	t.Parallel()
	_, client := newSecrets(t)
	token := aws.String(strings.Repeat("t", 32))
	for _, tt := range []struct {
		name string
		in   secretsmanager.PutSecretValueInput
		want string
	}{
		{"first under the token", secretsmanager.PutSecretValueInput{SecretString: aws.String("a"), ClientRequestToken: token}, ""},
		{"the same again", secretsmanager.PutSecretValueInput{SecretString: aws.String("a"), ClientRequestToken: token}, ""},
		{"another value under the token", secretsmanager.PutSecretValueInput{SecretString: aws.String("b"), ClientRequestToken: token}, "ResourceExistsException"},
		{"bytes under the token", secretsmanager.PutSecretValueInput{SecretBinary: []byte("a"), ClientRequestToken: token}, "ResourceExistsException"},
		{"no value", secretsmanager.PutSecretValueInput{}, "InvalidParameterException"},
		{"two values", secretsmanager.PutSecretValueInput{SecretString: aws.String("a"), SecretBinary: []byte("a")}, "InvalidParameterException"},
		{"largest value", secretsmanager.PutSecretValueInput{SecretString: aws.String(strings.Repeat("a", 65536))}, ""},
		{"one byte more", secretsmanager.PutSecretValueInput{SecretString: aws.String(strings.Repeat("a", 65537))}, "InvalidParameterException"},
		{"no such secret", secretsmanager.PutSecretValueInput{SecretId: aws.String("typo"), SecretString: aws.String("a")}, "ResourceNotFoundException"},
	} {
		if tt.in.SecretId == nil {
			tt.in.SecretId = aws.String("signing")
		}
		_, err := client.PutSecretValue(t.Context(), &tt.in)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		sdktest.WantCode(t, err, tt.want)
	}
}

func TestBinaryValueStaysBinary(t *testing.T) {
	t.Parallel()
	store, client := newSecrets(t)
	in := &secretsmanager.PutSecretValueInput{SecretId: aws.String("signing"), SecretBinary: []byte{0, 255}}
	if _, err := client.PutSecretValue(t.Context(), in); err != nil {
		t.Fatalf("PutSecretValue: %v", err)
	}
	out, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("signing")})
	if err != nil {
		t.Fatalf("GetSecretValue: %v", err)
	}
	if diff := cmp.Diff([]byte{0, 255}, out.SecretBinary); diff != "" || out.SecretString != nil {
		t.Errorf("SecretBinary (-want +got):\n%s; SecretString %v, want none", diff, out.SecretString)
	}
	if got, err := store.Value("signing"); err != nil || got != "\x00\xff" {
		t.Errorf("Value = %q, %v; want the bytes", got, err)
	}
}

func TestNameCanBeAddedOnce(t *testing.T) {
	t.Parallel()
	store, _ := newSecrets(t)
	var refused *awsjson.Error
	if err := store.AddSecret("signing", "other"); !errors.As(err, &refused) || refused.Code != "ResourceExistsException" {
		t.Errorf("second AddSecret = %v, want ResourceExistsException", err)
	}
}

func TestLabelsAreMovedBetweenVersions(t *testing.T) {
	t.Parallel()
	_, client := newSecrets(t)
	for _, n := range []string{"1", "2"} {
		_, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
			SecretId: aws.String("signing"), ClientRequestToken: aws.String(strings.Repeat(n, 32)), SecretString: aws.String("whsec_" + n),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	move := func(label, from, to string) error {
		in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("signing"), VersionStage: aws.String(label)}
		if from != "" {
			in.RemoveFromVersionId = aws.String(strings.Repeat(from, 32))
		}
		if to != "" {
			in.MoveToVersionId = aws.String(strings.Repeat(to, 32))
		}
		_, err := client.UpdateSecretVersionStage(t.Context(), in)
		return err
	}
	for _, wrong := range []struct{ label, from, to, code string }{
		{"AWSCURRENT", "", "1", "InvalidParameterException"},  // from which version?
		{"AWSCURRENT", "1", "1", "InvalidParameterException"}, // not attached to that one
		{"AWSCURRENT", "2", "", "InvalidParameterException"},  // a secret always has a current version
		{"AWSCURRENT", "2", "3", "ResourceNotFoundException"},
	} {
		sdktest.WantCode(t, move(wrong.label, wrong.from, wrong.to), wrong.code)
	}
	if err := move("AWSCURRENT", "2", "1"); err != nil {
		t.Fatal(err)
	}
	if current, previous := get(t, client, "AWSCURRENT"), get(t, client, "AWSPREVIOUS"); current != "whsec_1" || previous != "whsec_2" {
		t.Errorf("current %s, previous %s; want 1 and 2", current, previous)
	}
	if err := move("AWSPREVIOUS", "2", ""); err != nil {
		t.Fatal(err)
	}
	_, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("signing"), VersionStage: aws.String("AWSPREVIOUS")})
	sdktest.WantCode(t, err, "ResourceNotFoundException")
}
