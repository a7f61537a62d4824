// SPDX-License-Identifier: Apache-2.0

// Checks a folder in tlog-tiles layout with Go's own packages; it only maps the names of files.
//
// go_tlog FOLDER KEY HEAD...: heads are files below FOLDER, smaller logs first.
package main

import (
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

// head opens a signed head, and returns its tree.
func head(path string, verifier note.Verifier) tlog.Tree {
	content, err := os.ReadFile(path)
	check(err)
	opened, err := note.Open(content, note.VerifierList(verifier))
	check(err)
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
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	var before *tlog.Tree
	for _, name := range os.Args[3:] {
		tree := head(filepath.Join(string(files), name), verifier)
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
