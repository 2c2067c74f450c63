package state

import (
	"shangu/sync/change"
	"shangu/sync/session"
)

// Device is an enrolled device.
type Device struct {
	ID          [16]byte
	School      string
	Certificate []byte // DER
	Enrolled    int64  // unix seconds
	Token       [32]byte
	Revoked     int64 // unix seconds; 0: it is welcome
	RevokedBy   string
	Reason      string
}

func (d *Device) walk(w *wire) {
	w.fixed(d.ID[:])
	w.str(&d.School)
	w.bytes(&d.Certificate)
	w.int64(&d.Enrolled)
	w.fixed(d.Token[:])
	w.int64(&d.Revoked)
	w.str(&d.RevokedBy)
	w.str(&d.Reason)
}

// Token is a one-time token as the hub knows it.
type Token struct {
	Hash        [32]byte
	School      string
	Role        TokenRole
	Issued      int64
	Expires     int64
	By          string
	UsedBy      [16]byte
	Used        int64 // unix seconds; 0: not yet
	Certificate []byte
}

func (t *Token) walk(w *wire) {
	w.fixed(t.Hash[:])
	w.str(&t.School)
	small(w, &t.Role)
	w.int64(&t.Issued)
	w.int64(&t.Expires)
	w.str(&t.By)
	w.fixed(t.UsedBy[:])
	w.int64(&t.Used)
	w.bytes(&t.Certificate)
}

// School is a school of the district.
type School struct {
	Code     string
	Name     string
	Category string
	Region   string
	Township string
	Mountain bool
	Weak     bool
}

// Quarantined is one entry in quarantine.
type Quarantined struct {
	School string // scope of the quarantine document
	ID     string // its id
	Chain  change.ChainID
	Seq    uint64
	State  int    // schema.QuarantineWaiting ...
	Reason string // as schema/text codes it
	By     string // operator who settled it
	Note   string
	Entry  *change.Entry // nil when its bytes cannot be read
	Doc    *change.Doc   // the quarantine document itself
}

// Row is a school's line in the summary report.
type Row struct {
	School      string `json:"school"`
	Name        string `json:"name"`
	Pupils      int64  `json:"pupils"`
	Sheets      int64  `json:"sheets"`
	Marks       int64  `json:"marks"`
	Visits      int64  `json:"visits"`
	Trainings   int64  `json:"trainings"`
	LastSeen    int64  `json:"-"` // unix seconds; 0: never
	Pending     uint64 `json:"pending"`
	Conflicts   int64  `json:"conflicts"`
	Quarantined int64  `json:"quarantined"`
	Classes     int64  `json:"-"`
	Teachers    int64  `json:"-"`
}

// Month is a school's attendance in one month, counted as sheets came in.
type Month struct {
	School  string
	Month   string    // yyyy-mm
	Sheets  int64     // sheets taken
	NoClass int64     // sheets that say: no school
	Roll    int64     // pupils on the rolls of the taken sheets
	Status  [16]int64 // marks by status code
}

// DocKey names a document.
type DocKey = session.DocKey
