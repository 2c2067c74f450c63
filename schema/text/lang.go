package text

import (
	"os"
	"strings"
	"sync/atomic"
)

// Lang is a language that messages come in.
type Lang uint8

// Languages. The zero Lang is Chinese.
const (
	ZH Lang = iota
	EN
)

// String is the language's tag: zh or en.
func (l Lang) String() string {
	if l == EN {
		return "en"
	}
	return "zh"
}

// ParseLang reads a language tag such as zh, en or en_GB.UTF-8.
func ParseLang(s string) (Lang, bool) {
	tag, _, _ := strings.Cut(strings.ToLower(s), ".")
	tag, _, _ = strings.Cut(strings.ReplaceAll(tag, "-", "_"), "_")
	switch tag {
	case "zh":
		return ZH, true
	case "en":
		return EN, true
	}
	return ZH, false
}

// current is the language of Error, one for the whole process: an error's words
// are asked for by code that knows no reader, such as a logger.
var current atomic.Uint32

func init() { SetDefault(FromEnvironment(os.Getenv)) }

// Default returns the language that Error speaks.
func Default() Lang { return Lang(current.Load()) }

// SetDefault sets the language that Error speaks.
func SetDefault(l Lang) { current.Store(uint32(l)) }

// FromEnvironment returns the language that SHANGU_LANG, or else LANG, asks for:
// Chinese unless one of them says English.
func FromEnvironment(getenv func(string) string) Lang {
	for _, name := range []string{"SHANGU_LANG", "LANG"} {
		if l, ok := ParseLang(getenv(name)); ok {
			return l
		}
	}
	return ZH
}
