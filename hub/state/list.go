package state

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// Devices lists all devices by id.
func (s *State) Devices() (ds []Device, err error) {
	err = s.view("list devices", func(txn *badger.Txn) error {
		ds, err = all[Device](txn, []byte{keyDevice})
		return err
	})
	return ds, err
}

// Beats lists what was last heard of each device, by id.
func (s *State) Beats() (bs []Beat, err error) {
	err = s.view("list heartbeats", func(txn *badger.Txn) error {
		bs, err = all[Beat](txn, []byte{keyBeat})
		return err
	})
	return bs, err
}

// Token returns a token by the hash of its secret.
func (s *State) Token(hash [32]byte) (t Token, ok bool, err error) {
	err = s.view("read token", func(txn *badger.Txn) error {
		ok, err = fetch(txn, idKey(keyToken, hash[:]), &t)
		return err
	})
	return t, ok, err
}

// generation counts the events from outside the log.
type generation struct{ n uint64 }

func (g *generation) walk(w *wire) { w.uint64(&g.n) }

// Generation counts how often the hub was restored from a backup or recovered
// by one node alone.
func (s *State) Generation() (uint64, error) {
	var g generation
	err := s.view("read generation", func(txn *badger.Txn) error {
		_, err := fetch(txn, metaGeneration, &g)
		return err
	})
	return g.n, err
}

// Cluster returns the cluster's id and the district's name; the zero id before
// Init.
func (s *State) Cluster() (id [16]byte, name string, err error) {
	var c Init
	err = s.view("read cluster", func(txn *badger.Txn) error {
		_, err := fetch(txn, metaCluster, &c)
		return err
	})
	return c.Cluster, c.Name, err
}

// Feature returns the feature level.
func (s *State) Feature() (uint64, error) {
	var f feature
	err := s.view("read feature level", func(txn *badger.Txn) error {
		_, err := fetch(txn, metaFeature, &f)
		return err
	})
	return f.level, err
}

// Schools lists the schools of the district by code, voided ones left out.
func (s *State) Schools() (out []School, err error) {
	err = s.view("list schools", func(txn *badger.Txn) error {
		out, err = schools(txn)
		return err
	})
	return out, err
}

func schools(txn *badger.Txn) (out []School, err error) {
	err = each(txn, docPrefix(schema.DistrictScope, schema.KindSchool), func(_, v []byte) error {
		_, raw, err := splitPlace(v)
		if err != nil {
			return err
		}
		d, err := frame.DecodeDoc(raw)
		if err != nil || d.Void() {
			return err
		}
		mountain, _ := d.Value(schema.SchoolMountain).Bool()
		weak, _ := d.Value(schema.SchoolWeak).Bool()
		out = append(out, School{
			Code: d.ID, Name: d.Value(schema.SchoolName).Text(), Category: d.Value(schema.SchoolCategory).Text(),
			Region: d.Value(schema.SchoolRegion).Text(), Township: d.Value(schema.SchoolTownship).Text(),
			Mountain: mountain, Weak: weak,
		})
		return nil
	})
	return out, err
}

// Summary returns a row for each school of the district, and for any other
// code that records came in for, by code.
func (s *State) Summary() (rows []Row, err error) {
	err = s.view("read summary", func(txn *badger.Txn) error {
		rows = nil
		at := map[string]int{}
		named, err := schools(txn)
		if err != nil {
			return err
		}
		for _, sc := range named {
			at[sc.Code] = len(rows)
			rows = append(rows, Row{School: sc.Code, Name: sc.Name})
		}
		err = each(txn, []byte{keySchool}, func(key, v []byte) error {
			code := string(key[1:])
			if code == common || code == schema.DistrictScope {
				return nil
			}
			var n counts
			if err := decode(v, &n); err != nil {
				return err
			}
			i, ok := at[code]
			if !ok {
				i = len(rows)
				rows = append(rows, Row{School: code})
			}
			r := &rows[i]
			r.Pupils, r.Sheets, r.Marks, r.Visits, r.Trainings = n.pupils, n.sheets, n.marks, n.visits, n.trainings
			r.LastSeen, r.Pending, r.Conflicts, r.Quarantined = n.lastSeen, n.pending, n.conflicts, n.quarantined
			r.Classes, r.Teachers = n.classes, n.teachers
			return nil
		})
		slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.School, b.School) })
		return err
	})
	return rows, err
}

// Months returns a school's attendance by month, all schools' for "".
func (s *State) Months(school string) (ms []Month, err error) {
	prefix := []byte{keyMonth}
	if school != "" {
		prefix = nameKey(keyMonth, school)
	}
	err = s.view("read months", func(txn *badger.Txn) error {
		ms, err = all[Month](txn, prefix)
		return err
	})
	return ms, err
}

// Quarantine lists quarantined entries by school and id, waiting ones alone
// unless settled is set.
func (s *State) Quarantine(settled bool) (qs []Quarantined, err error) {
	err = s.view("list quarantine", func(txn *badger.Txn) error {
		qs = nil
		var codes []string
		err := each(txn, []byte{keySchool}, func(key, v []byte) error {
			var n counts
			err := decode(v, &n)
			if code := string(key[1:]); code != common && (settled || n.quarantined > 0) {
				codes = append(codes, code)
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, code := range codes {
			err := each(txn, docPrefix(code, schema.KindQuarantine), func(_, v []byte) error {
				_, raw, err := splitPlace(v)
				if err != nil {
					return err
				}
				d, err := frame.DecodeDoc(raw)
				if err != nil {
					return err
				}
				if q := quarantined(d); settled || q.State == schema.QuarantineWaiting {
					qs = append(qs, q)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return qs, err
}

// QuarantineShow returns one quarantined entry. school may be "" when id alone
// is known: the ids of quarantined entries are unique.
func (s *State) QuarantineShow(school, id string) (q Quarantined, ok bool, err error) {
	if school == "" {
		list, err := s.Quarantine(true)
		for i := range list {
			if list[i].ID == id {
				return list[i], true, nil
			}
		}
		return q, false, err
	}
	d, err := s.Doc(DocKey{Scope: school, Kind: schema.KindQuarantine, ID: id})
	if d == nil || err != nil {
		return q, false, err
	}
	return quarantined(d), true, nil
}

func quarantined(d *change.Doc) Quarantined {
	q := Quarantined{
		School: d.Scope, ID: d.ID, Reason: d.Value(schema.QuarantineReason).Text(),
		By: d.Value(schema.QuarantineBy).Text(), Note: d.Value(schema.QuarantineNote).Text(), Doc: d,
	}
	if c, ok := d.Value(schema.QuarantineChain).Bin(); ok {
		copy(q.Chain[:], c)
	}
	seq, _ := d.Value(schema.QuarantineSeq).Int()
	state, _ := d.Value(schema.QuarantineState).Int()
	q.Seq, q.State = uint64(seq), int(state)
	q.Entry, _ = entryOf(d) // shown as far as it can be read
	return q
}

// NodeDigest is equal on two nodes at the same applied index when they hold the
// same documents, counts, chains, devices, tokens and nodes. Documents count by
// the digests of those who see them, so that it does not read them.
func (s *State) NodeDigest() (index uint64, sum [32]byte, err error) {
	err = s.view("digest node", func(txn *badger.Txn) error {
		var at progress
		if _, err := fetch(txn, metaApplied, &at); err != nil {
			return err
		}
		index = at.index
		h := sha256.New()
		for _, prefix := range []byte{keySchool, keyDigest, keyMonth, keyChain, keyDevice, keyBeat, keyToken, keyNode, keyMeta} {
			err := each(txn, []byte{prefix}, func(key, v []byte) error {
				if prefix == keyMeta && key[1] == metaApplied[1] {
					// What was applied says how, not what; the trail is the same for all.
					v = append(binary.BigEndian.AppendUint64(nil, at.count), at.head[:]...)
				}
				n := sha256.Sum256(v)
				h.Write(key)
				h.Write(n[:])
				return nil
			})
			if err != nil {
				return err
			}
		}
		h.Sum(sum[:0])
		return nil
	})
	return index, sum, err
}
