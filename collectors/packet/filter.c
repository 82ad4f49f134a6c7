#include "collectors/packet/filter.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>
#include <pcap/sll.h>

#include <net/if_arp.h>

#define LOOPBACK	1	/* its index in every network namespace */
#define PROGRAM_MAX	BPF_MAXINSNS

struct program {
	struct sock_filter	*code;
	size_t			 n;
};

static void
add(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	/* What does not fit is counted, and the program is not used. */
	if (p->n < PROGRAM_MAX)
		p->code[p->n] = (struct sock_filter){ .code = code, .jt = jt,
		    .jf = jf, .k = k };
	p->n++;
}

/* Where the cooked header had it; false when the kernel cannot tell. */
static bool
move_load(struct bpf_insn *i)
{
	if ((int32_t)i->k < 0)
		return true;	/* asks the kernel already */
	if (i->k >= SLL2_HDR_LEN)
		i->k = (uint32_t)SKF_NET_OFF + i->k - SLL2_HDR_LEN;
	else if (i->k == 0)
		i->k = (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL);
	else if (i->k == 4)
		i->k = (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX);
	else if (i->k == 8)
		i->k = (uint32_t)(SKF_AD_OFF + SKF_AD_HATYPE);
	else if (i->k == 10)
		i->k = (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE);
	else
		return false;
	return true;
}

static bool
is_load(const struct bpf_insn *i)
{
	unsigned mode = BPF_MODE(i->code);

	return (BPF_CLASS(i->code) == BPF_LD &&
	    (mode == BPF_ABS || mode == BPF_IND)) ||
	    (BPF_CLASS(i->code) == BPF_LDX && mode == BPF_MSH);
}

static int
compile(struct program *p, int link_type, const char *expression,
    uint32_t snaplen, struct buf *why)
{
	struct bpf_program compiled;
	pcap_t *dead = pcap_open_dead(link_type, (int)snaplen);
	int rc = 0;

	if (dead == NULL)
		return -ENOMEM;
	if (pcap_compile(dead, &compiled, expression, 1,
	    PCAP_NETMASK_UNKNOWN) != 0) {
		buf_printf(why, "capture filter: %s", pcap_geterr(dead));
		pcap_close(dead);
		return -EINVAL;
	}
	for (size_t i = 0; rc == 0 && i < compiled.bf_len; i++) {
		struct bpf_insn *in = &compiled.bf_insns[i];

		if (link_type == DLT_LINUX_SLL2 && is_load(in) &&
		    !move_load(in)) {
			buf_printf(why, "capture filter: the kernel cannot "
			    "look at this part of the link header");
			rc = -EINVAL;
		} else
			add(p, in->code, in->k, in->jt, in->jf);
	}
	pcap_freecode(&compiled);
	pcap_close(dead);
	return rc;
}

/* All Ethernet first, then the rest; or the same code for both. */
static int
add_expression(struct program *p, const char *expression, uint32_t snaplen,
    struct buf *why)
{
	size_t start = p->n;
	struct buf ignored;
	int rc;

	add(p, BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)(SKF_AD_OFF + SKF_AD_HATYPE), 0, 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_ETHER, 1, 0);
	add(p, BPF_JMP | BPF_JA, 0, 0, 0);
	buf_init(&ignored, 0);
	rc = compile(p, DLT_EN10MB, expression, snaplen, &ignored);
	buf_fini(&ignored);
	if (rc == -EINVAL)	/* such as "ifindex": only cooked has it */
		p->n = start;
	else if (rc != 0)
		return rc;
	else if (p->n < PROGRAM_MAX)
		p->code[start + 2].k = (uint32_t)(p->n - start - 3);
	return compile(p, DLT_LINUX_SLL2, expression, snaplen, why);
}

int
filter_make(struct sock_fprog *out, const char *expression, uint32_t snaplen,
    struct buf *why)
{
	struct program p = {
		.code = calloc(PROGRAM_MAX, sizeof(*p.code))
	};
	int rc = 0;

	if (p.code == NULL)
		return -ENOMEM;
	add(&p, BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX), 0, 0);
	add(&p, BPF_JMP | BPF_JEQ | BPF_K, LOOPBACK, 0, 1);
	add(&p, BPF_RET | BPF_K, 0, 0, 0);
	if (expression[0] == '\0')
		add(&p, BPF_RET | BPF_K, snaplen, 0, 0);
	else
		rc = add_expression(&p, expression, snaplen, why);
	if (rc == 0 && p.n > PROGRAM_MAX) {
		buf_printf(why, "capture.exclude is too long");
		rc = -E2BIG;
	}
	if (rc != 0) {
		free(p.code);
		return rc;
	}
	*out = (struct sock_fprog){ .len = (unsigned short)p.n,
	    .filter = p.code };
	return 0;
}

void
filter_free(struct sock_fprog *p)
{
	free(p->filter);
	p->filter = NULL;
	p->len = 0;
}
