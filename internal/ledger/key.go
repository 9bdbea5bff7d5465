package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// An Event names what the ledger remembers. Two accounts may not be trusted to have different ids, so the context counts.
type Event struct {
	ID      string // never empty
	Context string // "" for the key's own account
}

// maxKey is what DynamoDB allows for a partition key, in bytes.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const maxKey = 2048

// separator stands between id and context, and begins every key that is not an event's.
const separator = "#"

// escapeID leaves no separator in an id, so that the first one in a key ends the id. Ids as Stripe makes them stay as
// they are.
var escapeID = strings.NewReplacer("%", "%25", separator, "%23")

// key is different for different events.
func (e Event) key() string {
	key := escapeID.Replace(e.ID)
	if e.Context != "" {
		key += separator + e.Context
	}
	if len(key) > maxKey {
		sum := sha256.Sum256([]byte(key))
		return separator + "sha256" + separator + hex.EncodeToString(sum[:])
	}
	return key
}

// checkpointKey keeps checkpoints apart from events, whose keys begin with an id or with "#sha256#".
func checkpointKey(stream string) string { return separator + "checkpoint" + separator + stream }
