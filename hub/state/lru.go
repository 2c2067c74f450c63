package state

import "container/list"

// lru keeps the most recently used values of a bounded number of keys. What it
// holds can always be read again, so that it never decides an outcome.
type lru[K comparable, V any] struct {
	max   int
	order *list.List
	items map[K]*list.Element
}

type lruItem[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](max int) *lru[K, V] {
	return &lru[K, V]{max, list.New(), map[K]*list.Element{}}
}

func (c *lru[K, V]) get(k K) (v V, ok bool) {
	e, ok := c.items[k]
	if !ok {
		return v, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*lruItem[K, V]).value, true
}

// put adds a key that is not there.
func (c *lru[K, V]) put(k K, v V) { c.items[k] = c.order.PushFront(&lruItem[K, V]{k, v}) }

// trim drops the least recently used down to the bound. It is called between
// transactions, so that nothing changed is ever dropped unwritten.
func (c *lru[K, V]) trim() {
	for c.order.Len() > c.max {
		e := c.order.Back()
		c.order.Remove(e)
		delete(c.items, e.Value.(*lruItem[K, V]).key)
	}
}
