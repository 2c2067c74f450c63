// Package card puts conflict cards before people: what two of them wrote into one
// field of one record, who and when, in plain words; and keeps what they decided.
//
// A card is made by the hub for a value that lost a merge (schema.KindCard); the value
// that won stands in the record. To keep it settles the card; to take the other writes
// that into the record and settles the card, in one save. The package imports schema,
// sync/change, agent/roster and agent/store; it knows no page.
package card

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Store is where cards and records are; agent/store's Store.
type Store interface {
	Doc(scope string, kind schema.Kind, id string) (*change.Doc, error)
	Docs(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error]
}

// Saver keeps edits: agent/service's Agent, which asks for the date first.
type Saver interface {
	Save(ctx context.Context, account string, edits []store.Edit) (store.Saved, error)
}

// Desk is where cards are settled.
type Desk struct {
	store Store
	saver Saver
	book  *roster.Book
}

// NewDesk makes a Desk.
func NewDesk(s Store, saver Saver, book *roster.Book) *Desk { return &Desk{s, saver, book} }

// Side is one of the two values.
type Side struct {
	Value text.Label
	By    string    // account
	At    time.Time // zero: not known
}

// Card is a conflict that waits for somebody.
type Card struct {
	ID    string
	About *text.Message // the record
	Field *text.Message // and what in it
	Kept  Side          // what stands in the record since
	Lost  Side
	// Now is what the record says where that is neither any more, nil else.
	Now *text.Label
	// Take: this school may put the other value in. The district's fields and the
	// helper school's are theirs, and what was frozen stays.
	Take bool
	Why  *text.Message // it may not, nil where it may
	when time.Time

	figures bool // it stands for all cards of a report's figures
}

// Group is all cards of one record.
type Group struct {
	About *text.Message
	Cards []Card
}

// ErrGone: there is no such card, or it was settled otherwise meanwhile.
var ErrGone = text.New("card.gone")

// List returns the cards that nobody has settled, by record, the newest first.
// Cards on fields that not everybody may see are left out unless guarded, and counted.
func (d *Desk) List(guarded bool) (groups []Group, hidden int, err error) {
	return d.list(guarded, true)
}

// list is List for a reader who may have names as they are, or only masked.
func (d *Desk) list(guarded, open bool) (groups []Group, hidden int, err error) {
	book, err := d.book.Open()
	if err != nil {
		return nil, 0, err
	}
	r := NewReader(book, open)
	at := map[string]int{}
	for doc, err := range d.store.Docs(schema.KindCard, "") {
		if err != nil {
			return nil, 0, fmt.Errorf("list conflicts: %w", err)
		}
		if !doc.Value(schema.CardSettled).IsNil() || doc.Void() {
			continue
		}
		p := read(doc)
		if f, ok := schema.FieldOf(p.kind, p.key.Num); ok && f.Privacy == schema.Guarded && !guarded {
			hidden++
			continue
		}
		record, err := d.store.Doc("", p.kind, p.doc)
		if err != nil {
			return nil, 0, fmt.Errorf("list conflicts: %w", err)
		}
		key := fmt.Sprint(p.kind, " ", p.doc)
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key] = i
			groups = append(groups, Group{About: r.About(p.kind, p.doc, record)})
		}
		c := r.card(p, doc, record)
		if p.figures() {
			// The figures of a report are one thing, and their digest says which.
			if at := slices.IndexFunc(groups[i].Cards, func(c Card) bool { return c.figures }); at >= 0 {
				if p.key.Num == schema.ReportDigest {
					groups[i].Cards[at] = c
				}
				continue
			}
		}
		groups[i].Cards = append(groups[i].Cards, c)
	}
	newest := func(g Group) (t time.Time) {
		for _, c := range g.Cards {
			if c.when.After(t) {
				t = c.when
			}
		}
		return t
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return newest(b).Compare(newest(a)) })
	return groups, hidden, nil
}

// Settle keeps what somebody decided about a card. What was decided already, the
// same way, is no matter: a button that was pressed twice is one decision. It fails
// with ErrGone, and as the saver does.
func (d *Desk) Settle(ctx context.Context, account, id string, take bool) error {
	doc, err := d.store.Doc("", schema.KindCard, id)
	if err != nil {
		return fmt.Errorf("settle conflict: %w", err)
	}
	want := int64(schema.CardKeep)
	if take {
		want = schema.CardTake
	}
	if doc == nil || doc.Void() {
		return ErrGone
	}
	if was := doc.Value(schema.CardSettled); !was.IsNil() {
		if n, _ := was.Int(); n == want {
			return nil
		}
		return ErrGone
	}
	p := read(doc)
	ids := []string{id}
	if p.figures() {
		if ids, err = d.figures(p.doc); err != nil {
			return err
		}
	}
	var edits []store.Edit
	for _, id := range ids {
		e := store.Edit{Kind: schema.KindCard, ID: id}
		e.Set(schema.CardSettled, schema.Int(want))
		e.Set(schema.CardSettler, schema.Str(account))
		edits = append(edits, e)
	}
	if take {
		record, err := d.store.Doc("", p.kind, p.doc)
		if err != nil {
			return fmt.Errorf("settle conflict: %w", err)
		}
		if why := p.bars(record); why != nil {
			return why
		}
		// The record first: where there is room for one of the two alone, it is not
		// the card.
		edits = append([]store.Edit{{Kind: p.kind, ID: p.doc, Fields: []store.FieldEdit{{Key: p.key, Value: p.lost}}}}, edits...)
	}
	_, err = d.saver.Save(ctx, account, edits)
	return err
}

// place is what a card is about.
type place struct {
	kind schema.Kind
	doc  string
	key  schema.Key
	lost schema.Value
	kept schema.Value
}

func read(doc *change.Doc) place {
	n, _ := doc.Value(schema.CardKind).Int()
	p := place{kind: schema.Kind(n), doc: doc.Value(schema.CardDoc).Text()}
	if field, ok := doc.Value(schema.CardField).List(); ok && len(field) == 2 {
		num, _ := field[0].Int()
		p.key = schema.Key{Num: schema.FieldNum(num), Sub: field[1].Text()}
	}
	lost, _ := doc.Value(schema.CardLost).Bin()
	kept, _ := doc.Value(schema.CardKept).Bin()
	p.lost, p.kept = schema.Value(lost), schema.Value(kept)
	return p
}

// bars is why the other value cannot be written into a record, nil where it can.
func (p place) bars(record *change.Doc) *text.Message {
	switch {
	case p.kind == schema.KindReport:
		return text.New("card.frozen")
	case record == nil || p.key.Num == 0 || schema.Owner(p.kind, p.key.Num) != schema.RoleHost || schema.CheckField(p.kind, p.key, p.lost) != nil:
		return text.New("card.not_ours")
	}
	return nil
}

// figures reports whether a card is about the figures of a frozen report or their
// digest.
func (p place) figures() bool {
	return p.kind == schema.KindReport && slices.Contains([]schema.FieldNum{schema.ReportClass, schema.ReportSchool, schema.ReportDigest, schema.ReportBase, schema.ReportTrace}, p.key.Num)
}

// figures are the cards about a report's figures that nobody has settled.
func (d *Desk) figures(report string) (ids []string, err error) {
	for doc, err := range d.store.Docs(schema.KindCard, "") {
		if err != nil {
			return nil, fmt.Errorf("settle conflict: %w", err)
		}
		if p := read(doc); p.figures() && p.doc == report && doc.Value(schema.CardSettled).IsNil() && !doc.Void() {
			ids = append(ids, doc.ID)
		}
	}
	return ids, nil
}

func (r Reader) card(p place, doc, record *change.Doc) Card {
	c := Card{
		ID: doc.ID, Field: r.field(p.kind, p.key), Why: p.bars(record), figures: p.figures(),
		Kept: r.side(doc, p, p.kept, schema.CardKeptBy, schema.CardKeptAt), Lost: r.side(doc, p, p.lost, schema.CardLostBy, schema.CardLostAt),
	}
	c.Take = c.Why == nil
	if c.figures {
		c.Field = text.New("card.figures")
	} else if record != nil {
		if cell, _ := record.Find(p.key); cell.Value != p.kept && cell.Value != p.lost {
			l := r.words(p, cell.Value)
			c.Now = &l
		}
	}
	if c.when = c.Kept.At; c.Lost.At.After(c.when) {
		c.when = c.Lost.At
	}
	return c
}

func (r Reader) side(doc *change.Doc, p place, v schema.Value, by, at schema.FieldNum) Side {
	s := Side{Value: r.words(p, v), By: r.name(doc.Value(by).Text())}
	if n, _ := doc.Value(at).Int(); n > 0 {
		s.At = time.Unix(n, 0)
	}
	return s
}

// digestShown is how many bytes of a digest tell reports apart.
const digestShown = 4

// words is a value as people read it. A pupil without a mark was there.
func (r Reader) words(p place, v schema.Value) text.Label {
	if p.kind == schema.KindSheet && p.key.Num == schema.SheetMark && v.IsNil() {
		return schema.Statuses.Label(int64(schema.StatusPresent))
	}
	if p.figures() {
		digest, _ := v.Bin()
		m := text.New("card.digest", "digest", fmt.Sprintf("%x", digest[:min(len(digest), digestShown)]))
		return text.Label{ZH: m.In(text.ZH), EN: m.In(text.EN)}
	}
	l := schema.Words(p.kind, p.key.Num, v)
	if !r.open {
		l = schema.MaskWords(p.kind, p.key.Num, v)
	}
	if strings.TrimSpace(l.ZH) == "" {
		return text.Label{ZH: "（空）", EN: "(empty)"}
	}
	return l
}
