package service

import (
	"context"
	"io"
	"iter"

	"shangu/agent/access"
	"shangu/agent/account"
	"shangu/agent/card"
	"shangu/agent/intake"
	"shangu/agent/leave"
	"shangu/agent/register"
	"shangu/agent/roll"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/watch"
	"shangu/schema"
	"shangu/sync/change"
)

// exports writes the tables that pages give away.
type exports struct {
	store    *store.Store
	book     *roster.Book
	rolls    *roll.Desk
	watch    *watch.Desk
	leave    *leave.Desk
	register *register.Desk
	cards    *card.Desk
	papers   *papers
	accounts *account.Book
	access   *access.Log
	today    func() schema.Date
}

// Table writes a table of a kind: of the day on, or of its month, where the kind goes by
// days or months.
func (e exports) Table(ctx context.Context, w io.Writer, kind string, on schema.Date, open bool) error {
	switch kind {
	case "cases":
		return e.watch.WriteCases(w, open)
	case "steps":
		return e.watch.WriteSteps(w, open)
	case "findings":
		return e.watch.WriteFindings(w, e.today(), open)
	case "watched":
		return e.watch.WriteWatched(w, e.today(), open)
	case "sickness":
		return e.watch.WriteSickness(w, e.today(), open)
	case "leave":
		return e.leave.Write(w, open)
	case "fortnight":
		return e.rolls.WriteFortnight(w, on)
	case "days":
		return e.rolls.WriteExceptions(w, open)
	case "reports":
		return e.register.WriteMonths(w, e.today(), open)
	case "changes":
		return e.register.WriteChanges(w, on, e.today(), open)
	case "conflicts":
		return e.cards.Write(w, open)
	case "quarantine":
		return e.papers.writeHeld(ctx, w, open)
	case "receipts":
		return e.papers.writeReceipts(w, on, open)
	case "accounts":
		return e.accounts.Write(w, open)
	case "access":
		return e.access.Write(w, open)
	case "classes", "enrolments", "agreements":
		return e.roster(w, kind, on, open)
	}
	k, err := intake.ParseKind(kind)
	if err != nil {
		return err
	}
	view := intake.View(e.store)
	if k == intake.Attendance && on != 0 {
		view = monthOf{e.store, on.Month()}
	}
	if open {
		return intake.Write(k, w, kind+".xlsx", view)
	}
	return intake.WriteMasked(k, w, kind+".xlsx", view)
}

// roster writes what the school's roster says.
func (e exports) roster(w io.Writer, kind string, on schema.Date, open bool) error {
	r, err := e.book.Open()
	if err != nil {
		return err
	}
	switch kind {
	case "classes":
		return r.WriteClasses(w, on, open)
	case "enrolments":
		return r.WriteEnrolments(w, open)
	}
	return r.WriteAgreements(w)
}

// monthOf shows a month's sheets alone: those of all years are more than a workbook
// holds.
type monthOf struct {
	*store.Store
	month string
}

func (m monthOf) Docs(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error] {
	if kind == schema.KindSheet && prefix == "" {
		prefix = m.month
	}
	return m.Store.Docs(kind, prefix)
}
