#include "rules/sigma/attack.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct attack_tactic tactics[] = {
	{ "TA0043", "Reconnaissance" },
	{ "TA0042", "Resource Development" },
	{ "TA0001", "Initial Access" },
	{ "TA0002", "Execution" },
	{ "TA0003", "Persistence" },
	{ "TA0004", "Privilege Escalation" },
	{ "TA0005", "Defense Evasion" },
	{ "TA0006", "Credential Access" },
	{ "TA0007", "Discovery" },
	{ "TA0008", "Lateral Movement" },
	{ "TA0009", "Collection" },
	{ "TA0011", "Command and Control" },
	{ "TA0010", "Exfiltration" },
	{ "TA0040", "Impact" },
};
#define N_TACTICS	(sizeof(tactics) / sizeof(tactics[0]))

/* "command-and-control" and "command_and_control" are the name. */
static bool
is_name(const char *word, const char *name)
{
	for (; *name != '\0'; name++, word++) {
		if (*name == ' ' && (*word == '-' || *word == '_'))
			continue;
		if (tolower((unsigned char)*name) !=
		    tolower((unsigned char)*word))
			return false;
	}
	return *word == '\0';
}

const struct attack_tactic *
attack_tactic_find(const char *word)
{
	size_t i;

	for (i = 0; i < N_TACTICS; i++)
		if (is_name(word, tactics[i].name) ||
		    strcasecmp(word, tactics[i].id) == 0)
			return &tactics[i];
	return NULL;
}

const char *
attack_tactic_name(const char *id)
{
	const struct attack_tactic *t = attack_tactic_find(id);

	return t == NULL ? NULL : t->name;
}

bool
attack_is_technique(const char *word, bool *sub)
{
	if (tolower((unsigned char)word[0]) != 't' ||
	    strspn(word + 1, "0123456789") != 4)
		return false;
	*sub = word[5] == '.';
	if (*sub)
		return strspn(word + 6, "0123456789") == 3 && word[9] == '\0';
	return word[5] == '\0';
}
