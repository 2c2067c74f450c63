package state

import (
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/session"
)

func finish(err error) []byte { return encode(nil, &done{err}) }

func (b *batch) init(c *Init) []byte {
	var was Init
	known := b.load(metaCluster, &was)
	if known && was.Cluster != c.Cluster || c.Cluster == [16]byte{} {
		return finish(ErrCluster)
	}
	if known && was.Name == c.Name {
		return finish(nil)
	}
	b.set(metaCluster, encode(nil, c))
	b.noteCommand(WhatInit, c.Now, c.Account)
	return finish(nil)
}

// issue records a token. The same token again is no error: a proposer may not
// know whether its first try was committed.
func (b *batch) issue(c *IssueToken) []byte {
	switch c.Role {
	case TokenSchool:
		if !goodName(c.School) || b.get(docKey(DocKey{Scope: schema.DistrictScope, Kind: schema.KindSchool, ID: c.School})) == nil {
			return finish(ErrUnknownSchool)
		}
	case TokenNode:
	default:
		return finish(ErrCommand)
	}
	key := idKey(keyToken, c.Hash[:])
	if b.get(key) != nil {
		return finish(nil)
	}
	b.set(key, encode(nil, &Token{
		Hash: c.Hash, School: c.School, Role: c.Role, Issued: c.Now, Expires: c.Expires, By: c.Account,
	}))
	b.note(&Record{What: WhatToken, Time: c.Now, School: c.School, Account: c.Account, Body: b.data})
	return finish(nil)
}

// enrol spends a token.
func (b *batch) enrol(c *Enrol) []byte {
	var r EnrolResult
	r.err = func() error {
		var t Token
		key := idKey(keyToken, c.Hash[:])
		if !b.load(key, &t) || t.Role != c.Role {
			return ErrUnknownToken
		}
		var d *device
		if t.Role == TokenSchool {
			d = b.device(c.Device)
			if d != nil && d.Revoked != 0 {
				return session.ErrRevoked
			}
		}
		if t.Used != 0 {
			if t.UsedBy != c.Device {
				return ErrTokenUsed
			}
			r.School, r.Certificate, r.Again = t.School, t.Certificate, true
			return nil
		}
		if c.Now > t.Expires {
			return ErrTokenExpired
		}
		if d != nil && d.School != t.School {
			return ErrOtherSchool
		}
		t.UsedBy, t.Used, t.Certificate = c.Device, max(1, c.Now), c.Certificate
		b.set(key, encode(nil, &t))
		if t.Role == TokenSchool {
			if d == nil {
				d = &device{}
				b.s.devices.put(c.Device, d)
			}
			d.Device = Device{ID: c.Device, School: t.School, Certificate: c.Certificate, Enrolled: t.Used, Token: c.Hash}
			b.saveDevice(d)
		}
		r.School, r.Certificate = t.School, t.Certificate
		b.note(&Record{What: WhatEnrol, Time: t.Used, School: t.School, Device: c.Device, Account: t.By, Body: b.data})
		return nil
	}()
	return encode(nil, &r)
}

// revoke shuts a device out. What it was waiting to send no longer counts as
// pending.
func (b *batch) revoke(c *Revoke) []byte {
	d := b.device(c.Device)
	if d == nil {
		return finish(ErrUnknown)
	}
	if d.Revoked != 0 {
		return finish(nil)
	}
	if d.beat.Pending > 0 {
		n := d.beat
		n.Pending = 0
		b.beat(n)
	}
	d.Revoked, d.RevokedBy, d.Reason = max(1, c.Now), c.Account, c.Reason
	b.saveDevice(d)
	b.note(&Record{What: WhatRevoke, Time: d.Revoked, School: d.School, Device: d.ID, Account: c.Account, Body: b.data})
	return finish(nil)
}

func (b *batch) setNode(c *setNode) []byte {
	n, key := c.node, idKey(keyNode, []byte(c.node.ID))
	if n.ID == "" || len(n.ID) > change.MaxID {
		return finish(ErrCommand)
	}
	var was Node
	if b.load(key, &was) && was == n {
		return finish(nil)
	}
	b.set(key, encode(nil, &n))
	b.stale = true
	b.noteCommand(WhatNode, c.now, c.account)
	return finish(nil)
}

func (b *batch) dropNode(c *dropNode) []byte {
	if len(c.id) > change.MaxID {
		return finish(ErrCommand)
	}
	key := idKey(keyNode, []byte(c.id))
	if b.get(key) == nil {
		return finish(nil)
	}
	b.delete(key)
	b.stale = true
	b.noteCommand(WhatDrop, c.now, c.account)
	return finish(nil)
}

func (b *batch) feature(c *feature) []byte {
	var was feature
	b.load(metaFeature, &was)
	if c.level > was.level {
		b.set(metaFeature, encode(nil, &feature{level: c.level}))
		b.noteCommand(WhatFeature, c.now, c.account)
	}
	return finish(nil)
}

// event records what was done to the hub from outside its log.
//
// Each begins a generation: nodes that went on without it are of another cluster.
func (b *batch) event(c *Event) []byte {
	var g generation
	b.load(metaGeneration, &g)
	g.n++
	b.set(metaGeneration, encode(nil, &g))
	b.noteCommand(WhatEvent, c.Now, c.Account)
	return finish(nil)
}
