/* ring.h: the way of records from the sampling thread to the reader, and of empty segments back. One producer, one consumer.
 *
 * Two indexes that only ever grow; a slot is number & mask. The producer fills the slot and then publishes it by storing the
 * head with release order; the consumer loads the head with acquire order, reads the slot, and gives it back by storing the
 * tail with release order. Nothing stronger is needed and no fence is used, so that ThreadSanitizer understands all of it.
 * Each side remembers the index of the other that it saw last and looks again only when that does not suffice. */
#ifndef STATIOND_RING_H
#define STATIOND_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* A test builds the rings with memory_order_relaxed here, and has to see that the tools find it. */
#ifndef RING_PUBLISH
#define RING_PUBLISH memory_order_release
#endif

typedef struct {
    _Alignas(64) _Atomic uint64_t head; /* written by the producer */
    uint64_t tail_seen;                 /* of the producer */
    _Alignas(64) _Atomic uint64_t tail; /* written by the consumer */
    uint64_t head_seen;                 /* of the consumer */
    _Alignas(64) uint8_t *slots;
    uint64_t capacity;                  /* a power of two */
    size_t slot_bytes;
} ring;

static inline void *ring_slot(const ring *r, uint64_t number) { return r->slots + (number & (r->capacity - 1)) * r->slot_bytes; }

/* Producer: an empty slot to fill, or NULL when the ring is full. */
static inline void *ring_claim(ring *r) {
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head - r->tail_seen == r->capacity) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head - r->tail_seen == r->capacity) return NULL;
    }
    return ring_slot(r, head);
}

/* Producer: hand the claimed slot over. */
static inline void ring_publish(ring *r) {
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    atomic_store_explicit(&r->head, head + 1, RING_PUBLISH);
}

/* Consumer: the oldest record, or NULL when there is none. It stays in the ring until ring_drop. */
static inline void *ring_peek(ring *r) {
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail == r->head_seen) {
        r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
        if (tail == r->head_seen) return NULL;
    }
    return ring_slot(r, tail);
}

/* Consumer: give the slot of the oldest record back. */
static inline void ring_drop(ring *r) {
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    atomic_store_explicit(&r->tail, tail + 1, RING_PUBLISH);
}

/* How many records wait; exact for the side that asks, a moment old for anybody else. */
static inline uint64_t ring_length(const ring *r) {
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    return atomic_load_explicit(&r->head, memory_order_acquire) - tail;
}

#endif
