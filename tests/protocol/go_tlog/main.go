// SPDX-License-Identifier: Apache-2.0

// Checks a folder in tlog-tiles layout with Go's own packages; it only maps the names of files.
//
// go_tlog FOLDER KEYS HEAD...: heads are files below FOLDER, smaller logs first. KEYS, with commas
// between them: the log's key, then those of witnesses, each of which must have cosigned each head.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder string

func (f folder) Height() int                         { return 8 }
func (f folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (f folder) path(t tlog.Tile) string {
	rest := strings.TrimPrefix(t.Path(), "tile/8/")
	return filepath.Join(string(f), "tile", strings.Replace(rest, "data/", "entries/", 1))
}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		content, err := os.ReadFile(f.path(t))
		if err != nil {
			return nil, err
		}
		all = append(all, content)
	}
	return all, nil
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// witness verifies cosignatures, which package note does not know: C2SP, tlog-cosignature.
type witness struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.id }
func (w witness) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", at, text)
	return ed25519.Verify(w.key, []byte(message), signature[8:])
}

// newWitness reads the key of a witness: name+ID+base64(0x04 || key), where the ID begins
// SHA-256(name || newline || 0x04 || key).
func newWitness(text string) witness {
	parts := strings.SplitN(text, "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[2])
	check(err)
	digest := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	id := binary.BigEndian.Uint32(digest[:])
	if len(key) != 1+ed25519.PublicKeySize || key[0] != 4 || fmt.Sprintf("%08x", id) != parts[1] {
		check(fmt.Errorf("%s is no key of a witness", text))
	}
	return witness{parts[0], id, key[1:]}
}

// head opens a signed head that all verifiers signed, the log first, and returns its tree.
func head(path string, verifiers []note.Verifier) tlog.Tree {
	verifier := verifiers[0]
	content, err := os.ReadFile(path)
	check(err)
	opened, err := note.Open(content, note.VerifierList(verifiers...))
	check(err)
	if len(opened.Sigs) != len(verifiers) {
		check(fmt.Errorf("%d of %d signed the head", len(opened.Sigs), len(verifiers)))
	}
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		check(fmt.Errorf("the head is of %s", lines[0]))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	check(err)
	var hash tlog.Hash
	copy(hash[:], root)
	return tlog.Tree{N: size, Hash: hash}
}

// leaves returns all leaves of a log, from its bundles.
func (f folder) leaves(size int64) [][]byte {
	var all [][]byte
	for at := int64(0); at*256 < size; at++ {
		width := min(size-at*256, 256)
		content, err := os.ReadFile(f.path(tlog.Tile{H: 8, L: -1, N: at, W: int(width)}))
		check(err)
		for len(content) > 0 {
			length := binary.BigEndian.Uint16(content)
			all = append(all, content[2:2+length])
			content = content[2+length:]
		}
	}
	if int64(len(all)) != size {
		check(fmt.Errorf("%d leaves of %d", len(all), size))
	}
	return all
}

func main() {
	files := folder(os.Args[1])
	keys := strings.Split(os.Args[2], ",")
	verifier, err := note.NewVerifier(keys[0])
	check(err)
	verifiers := []note.Verifier{verifier}
	for _, key := range keys[1:] {
		verifiers = append(verifiers, newWitness(key))
	}
	var before *tlog.Tree
	for _, name := range os.Args[3:] {
		tree := head(filepath.Join(string(files), name), verifiers)
		if tree.N > 0 {
			reader := tlog.TileHashReader(tree, files)
			root, err := tlog.TreeHash(tree.N, reader)
			check(err)
			if root != tree.Hash {
				check(fmt.Errorf("the tiles of %d leaves have another root", tree.N))
			}
			step := max(tree.N/500, 1)
			for index, leaf := range files.leaves(tree.N) {
				if int64(index)%step != 0 && int64(index) != tree.N-1 {
					continue
				}
				proof, err := tlog.ProveRecord(tree.N, int64(index), reader)
				check(err)
				check(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(index), tlog.RecordHash(leaf)))
			}
			if before != nil && before.N > 0 {
				proof, err := tlog.ProveTree(tree.N, before.N, reader)
				check(err)
				check(tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash))
			}
		}
		before = &tree
		fmt.Println(tree.N, "holds")
	}
}
