package deadlines

import "testing"

// However many packs were read, the one read last is kept, and no more than there is room for.
func TestFullPacksMakeRoom(t *testing.T) {
	full := fullPacks{data: map[int64][]byte{}}
	for key := range int64(packsKept + 100) {
		full.put(key, []byte{1})
		if full.get(key) == nil {
			t.Fatalf("pack %d is not kept", key)
		}
	}
	full.put(packsKept+99, []byte{2}) // by another reader at the same time
	if n, data := len(full.data), full.get(packsKept+99); n != packsKept || data[0] != 2 {
		t.Errorf("%d packs, the last one is %v", n, data)
	}
}
