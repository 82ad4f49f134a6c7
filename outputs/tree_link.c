/*
 * What a tree of processes becomes once all documents are in: parents found,
 * siblings in the order of time, and a shape for each, by which those that
 * are alike are known.
 */
#include <errno.h>
#include <stdlib.h>

#include "outputs/tree_private.h"

static int64_t
time_of(const struct tree_node *n)
{
	return n->start_ns != 0 ? n->start_ns : n->first_ns;
}

/* A process whose parent was never heard of stands below the one that its
 * entry began with. */
static void
adopt(struct tree *t)
{
	struct tree_entry *e;
	struct tree_node *n;
	uint32_t i;

	for (i = 1; i <= t->nodes.n; i++) {
		n = tree_at(&t->nodes, i);
		e = tree_at(&t->entries, n->entry);
		if (e != NULL && n->parent == 0 && (n->is_entry ||
		    n->vpid == 1) && e->root == 0)
			e->root = i;
	}
	for (i = 1; i <= t->nodes.n; i++) {
		n = tree_at(&t->nodes, i);
		e = tree_at(&t->entries, n->entry);
		if (n->parent != 0 || e == NULL || e->root == 0 ||
		    e->root == i)
			continue;
		n->parent = e->root;
		n->is_adopted = true;
	}
	/* A parent that is only a name takes the entry of its children. */
	for (i = 1; i <= t->nodes.n; i++) {
		struct tree_node *p;

		n = tree_at(&t->nodes, i);
		p = tree_at(&t->nodes, n->parent);
		e = tree_at(&t->entries, n->entry);
		if (p == NULL || p->parent != 0 || p->events != 0 ||
		    e == NULL || e->root == 0 || e->root == n->parent)
			continue;
		p->parent = e->root;
		p->entry = n->entry;
		p->is_adopted = true;
	}
}

struct by_time {
	int64_t	when;
	uint32_t	id;
};

static int
compare(const void *one, const void *other)
{
	const struct by_time *a = one, *b = other;

	if (a->when != b->when)
		return a->when < b->when ? 1 : -1;
	return a->id < b->id ? 1 : a->id > b->id ? -1 : 0;
}

/* Latest first, each put before those that are there: so the earliest comes
 * first in the end. */
static int
order_children(struct tree *t)
{
	struct by_time *all = calloc(t->nodes.n + 1, sizeof(*all));
	struct tree_node *n, *p;
	uint32_t *head;
	size_t i;

	if (all == NULL)
		return -ENOMEM;
	for (i = 0; i < t->nodes.n; i++) {
		n = tree_at(&t->nodes, (uint32_t)i + 1);
		all[i] = (struct by_time){ time_of(n), (uint32_t)i + 1 };
	}
	qsort(all, t->nodes.n, sizeof(*all), compare);
	for (i = 0; i < t->nodes.n; i++) {
		n = tree_at(&t->nodes, all[i].id);
		p = tree_at(&t->nodes, n->parent);
		head = p == NULL ? &t->roots : &p->child;
		n->next = *head;
		*head = all[i].id;
	}
	free(all);
	return 0;
}

static uint64_t
mix(uint64_t a, uint64_t b)
{
	a ^= b + UINT64_C(0x9e3779b97f4a7c15) + (a << 6) + (a >> 2);
	return a * UINT64_C(0xff51afd7ed558ccd);
}

/* Where a part of a container began it matters who asked. */
static uint64_t
shape_of_entry(const struct tree *t, const struct tree_node *n)
{
	const struct tree_entry *e = tree_at(&t->entries, n->entry);

	if (e == NULL || n->parent != 0)
		return 0;
	return mix(mix(mix(e->kind, e->user), e->command), e->confidence);
}

static void
take_shape(struct tree *t, struct tree_node *n)
{
	uint64_t peers = 0, shapes = 0, outlines = 0;
	const struct tree_peer *p;
	const struct tree_node *c;
	uint32_t i;

	n->below = 0;
	for (i = n->peers; i != 0; i = p->next) {
		p = tree_at(&t->peers, i);
		peers += mix(p->text, p->left != 0);
	}
	for (i = n->child; i != 0; i = c->next) {
		c = tree_at(&t->nodes, i);
		shapes += mix(c->shape, 7);
		outlines += mix(c->outline, 7);
		n->below += 1 + c->below;
	}
	/* busybox is many programs: as what it was called counts too. */
	n->outline = mix(mix(mix(mix(n->name, n->called), n->user),
	    shape_of_entry(t, n)), n->is_adopted);
	/* What an alert is about is never folded away. */
	if (n->alerts > 0)
		n->outline = mix(n->outline, n->pid);
	n->shape = mix(mix(n->outline, peers), shapes);
	n->outline = mix(n->outline, outlines);
}

/* Depth first without recursion: children before their parents. */
static void
take_shapes(struct tree *t, uint32_t root)
{
	uint32_t at = root;
	struct tree_node *n;

	while (at != 0) {
		n = tree_at(&t->nodes, at);
		if (!n->visited) {
			n->visited = true;
			if (n->child != 0) {
				at = n->child;
				continue;
			}
		}
		take_shape(t, n);
		if (at == root)
			break;
		at = n->next != 0 ? n->next : n->parent;
	}
}

/* Parents in a circle, which only a damaged store has, hang from no root. */
static void
break_circles(struct tree *t)
{
	struct tree_node *n, *p;
	uint32_t i, at;
	size_t steps;

	for (i = 1; i <= t->nodes.n; i++) {
		n = tree_at(&t->nodes, i);
		if (n->visited)
			continue;
		/* Everything above is marked; meeting our own mark again is
		 * a circle. */
		for (at = i, steps = 0; at != 0 && steps <= t->nodes.n;
		    steps++) {
			p = tree_at(&t->nodes, at);
			if (p->visited)
				break;
			p->visited = true;
			p->below = i + 1;
			if (p->parent != 0 && ((struct tree_node *)tree_at(
			    &t->nodes, p->parent))->visited &&
			    ((struct tree_node *)tree_at(&t->nodes,
			    p->parent))->below == i + 1)
				p->parent = 0;
			at = p->parent;
		}
	}
	for (i = 1; i <= t->nodes.n; i++) {
		n = tree_at(&t->nodes, i);
		n->visited = false;
		n->below = 0;
	}
}

int
tree_link(struct tree *t)
{
	const struct tree_node *n;
	uint32_t i;
	int err;

	adopt(t);
	break_circles(t);
	if ((err = order_children(t)) != 0)
		return err;
	for (i = t->roots; i != 0; i = n->next) {
		take_shapes(t, i);
		n = tree_at(&t->nodes, i);
	}
	return 0;
}
