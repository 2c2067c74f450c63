package frame

import (
	_ "embed"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Dictionaries of texts and documents, by version. One that was released never
// changes; a better one gets the next number and is written only once every
// reader has it. They are made by TestTrainDictionary.
//
//go:embed dictionary/1.dict
var dictionary1 []byte

// Codings of a pack's body, its second byte, and of joined documents.
const (
	codingWhole = 0 // plain: canonical bytes, one after the other
	codingModel = 1 // bits and texts
	codingDict1 = 2 // the same, compressed with dictionary 1
)

const (
	zstdWindow = 128 << 10
	zstdMagic  = 0xFD2FB528 // begins each zstd frame, so it is not sent
)

// Encoders and decoders keep tables of some hundred KiB and are dear to make,
// so a few idle ones are kept. The fastest level is within 1 % of the best on
// our packs, with a sixteenth of its memory.
var (
	encoders = idle[*zstd.Encoder]{list: make(chan *zstd.Encoder, 2), create: func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderDict(dictionary1), zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true),
			zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	}}
	decoders = idle[*zstd.Decoder]{list: make(chan *zstd.Decoder, 2), create: func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderDicts(dictionary1), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(maxExpanded), zstd.WithDecoderMaxWindow(maxExpanded), zstd.WithDecodeAllCapLimit(true))
	}}
)

// idle keeps things that are not in use.
type idle[T any] struct {
	list   chan T
	create func() (T, error)
}

func (p *idle[T]) get() (T, error) {
	select {
	case v := <-p.list:
		return v, nil
	default:
		return p.create()
	}
}

func (p *idle[T]) put(v T) {
	select {
	case p.list <- v:
	default:
	}
}

// maxExpanded bounds what any compressed bytes may become.
const maxExpanded = 8 << 20

// minCompress is the size below which compression never pays.
const minCompress = 24

// compress returns b, compressed if that makes it smaller. The result may
// share b's memory.
func compress(b []byte) (out []byte, smaller bool) {
	if len(b) < minCompress || len(b) > maxExpanded {
		return b, false
	}
	enc, err := encoders.get()
	if err != nil {
		return b, false
	}
	defer encoders.put(enc)
	out = enc.EncodeAll(b, make([]byte, 0, len(b)/2+64))
	if len(out) < 4 || binary.LittleEndian.Uint32(out) != zstdMagic || len(out)-4 >= len(b) {
		return b, false
	}
	return out[4:], true
}

// expand undoes compress. It fails with ErrLimit when the result would be
// longer than limit, before it takes memory for it.
func expand(b []byte, limit int) ([]byte, error) {
	frame := make([]byte, 4, 4+len(b))
	binary.LittleEndian.PutUint32(frame, zstdMagic)
	frame = append(frame, b...)
	var h zstd.Header
	if err := h.Decode(frame); err != nil || !h.HasFCS || h.Skippable || h.HeaderSize > len(frame) {
		return nil, fmt.Errorf("%w: bad compression header", ErrFormat)
	}
	if h.FrameContentSize > uint64(min(limit, maxExpanded)) {
		return nil, fmt.Errorf("%w: %d bytes after decompression", ErrLimit, h.FrameContentSize)
	}
	dec, err := decoders.get()
	if err != nil {
		return nil, fmt.Errorf("make decompressor: %w", err)
	}
	defer decoders.put(dec)
	out, err := dec.DecodeAll(frame, make([]byte, 0, h.FrameContentSize))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	if uint64(len(out)) != h.FrameContentSize {
		return nil, fmt.Errorf("%w: decompressed to %d bytes, not %d", ErrFormat, len(out), h.FrameContentSize)
	}
	return out, nil
}
