/*
 * attack: tags of the namespace "attack" to MITRE ATT&CK identifiers.
 *
 * Source: ATT&CK for Enterprise, tactics TA0001 to TA0043; Sigma tags
 * appendix. Threads: any; no state.
 */
#ifndef RULES_SIGMA_ATTACK_H
#define RULES_SIGMA_ATTACK_H

#include <stdbool.h>

struct attack_tactic {
	const char	*id;	/* TA0010 */
	const char	*name;	/* Exfiltration */
};

/* The tactic of the tag's part after "attack." ("exfiltration", "ta0010",
 * "command-and-control" or with underscores), or NULL. */
const struct attack_tactic *attack_tactic_find(const char *word);
/* The tactic's name for an id, or NULL. */
const char *attack_tactic_name(const char *id);
/* Whether the word is a technique (t1048); *sub when a sub-technique
 * (t1048.002). */
bool attack_is_technique(const char *word, bool *sub);

#endif
