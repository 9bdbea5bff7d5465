package sam_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

func TestOutputThatIsNotAStringIsAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"undefined reference":    {queue + "Outputs:\n  O: {Value: !Ref Nothing}\n", sam.Error{Line: 4, Element: "Output O", Reason: `the template has no parameter or resource "Nothing"`}},
		"output of a list":       {queue + "Outputs:\n  O: {Value: [a]}\n", sam.Error{Line: 4, Element: "Output O", Reason: "Value must be a string"}},
		"output without a value": {queue + "Outputs:\n  O: {Description: x}\n", sam.Error{Line: 4, Element: "Output O", Reason: "the output has no Value"}},
	})
}
