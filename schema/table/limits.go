package table

// Limits of what is taken in. A district's largest school has some 3,000
// pupils; a term of its attendance is about 20,000 rows and 2 MB.
const (
	// MaxFile is the largest file in bytes.
	MaxFile = 32 << 20
	// maxUnpacked bounds the parts of a workbook or archive that are read,
	// unpacked. Pictures and other parts of a workbook are not unpacked.
	maxUnpacked = 64 << 20
	// maxParts is the most files that a workbook or archive may hold.
	maxParts = 4096
	// maxRows is the most rows of one sheet.
	maxRows = 200_000
	// maxColumns is the widest row; Excel's own limit is 16,384, and whoever
	// formats whole rows comes near it.
	maxColumns = 16_384
	// maxArea bounds rows times columns, blanks included, of one workbook.
	maxArea = 20_000_000
	// maxRowNumber is Excel's last row.
	maxRowNumber = 1 << 20
	// maxDepth is the deepest nesting of a workbook's XML.
	maxDepth = 64
	// maxCell is the longest cell in bytes.
	maxCell = 8 << 10
	// maxMerges is the most merged ranges that are looked at.
	maxMerges = 10_000
	// headerWithin is how many lines may stand above the header.
	headerWithin = 30
)
