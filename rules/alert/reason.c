#include "rules/alert/reason.h"

#include <string.h>

#include "rules/text.h"

#define COMMAND_MAX	240
#define NAME_MAX_TEXT	120

static bool
is_set(const struct event *e, enum field_id id)
{
	const struct event_value *v = event_get(e, id);

	return v != NULL && (field_table[id].type != FIELD_TYPE_STR ||
	    v->str.len > 0);
}

static void
add_name(struct buf *out, const struct event *e, enum field_id id)
{
	text_add_cut(out, event_str(e, id), NAME_MAX_TEXT);
}

static void
add_user(struct buf *out, const struct event *e)
{
	if (is_set(e, FIELD_USER_NAME))
		add_name(out, e, FIELD_USER_NAME);
	else if (is_set(e, FIELD_PROCESS_USER_NAME))
		add_name(out, e, FIELD_PROCESS_USER_NAME);
	else if (is_set(e, FIELD_USER_ID))
		buf_printf(out, "uid %s", event_str(e, FIELD_USER_ID));
	else
		buf_add_str(out, "an unknown user");
}

/* "scp (pid 4711)", or nothing. */
static bool
add_program(struct buf *out, const struct event *e)
{
	if (is_set(e, FIELD_PROCESS_NAME))
		add_name(out, e, FIELD_PROCESS_NAME);
	else if (is_set(e, FIELD_PROCESS_EXECUTABLE))
		add_name(out, e, FIELD_PROCESS_EXECUTABLE);
	else
		return false;
	if (is_set(e, FIELD_PROCESS_PID))
		buf_printf(out, " (pid %lld)",
		    (long long)event_num(e, FIELD_PROCESS_PID));
	return true;
}

void
reason_add_peer(struct buf *out, const struct event *e)
{
	bool ip = is_set(e, FIELD_DESTINATION_IP), v6;
	const struct event_value *v = event_get(e, FIELD_DESTINATION_IP);

	if (is_set(e, FIELD_DESTINATION_DOMAIN)) {
		add_name(out, e, FIELD_DESTINATION_DOMAIN);
		buf_add_str(out, ip ? " (" : "");
	}
	if (ip) {
		v6 = v->ip.family == 6 && is_set(e, FIELD_DESTINATION_PORT);
		buf_add_str(out, v6 ? "[" : "");
		text_add(out, e, FIELD_DESTINATION_IP);
		buf_add_str(out, v6 ? "]" : "");
	} else if (!is_set(e, FIELD_DESTINATION_DOMAIN)) {
		if (is_set(e, FIELD_DESTINATION_ADDRESS))
			add_name(out, e, FIELD_DESTINATION_ADDRESS);
		else
			buf_add_str(out, "an unknown destination");
	}
	if (is_set(e, FIELD_DESTINATION_PORT))
		buf_printf(out, ":%lld",
		    (long long)event_num(e, FIELD_DESTINATION_PORT));
	if (ip && is_set(e, FIELD_DESTINATION_DOMAIN))
		buf_add_char(out, ')');
}

static void
add_exec(struct buf *out, const struct event *e)
{
	add_user(out, e);
	buf_add_str(out, " ran '");
	if (is_set(e, FIELD_PROCESS_COMMAND_LINE))
		text_add_cut(out, event_str(e, FIELD_PROCESS_COMMAND_LINE),
		    COMMAND_MAX);
	else
		add_name(out, e, FIELD_PROCESS_EXECUTABLE);
	buf_add_char(out, '\'');
	if (is_set(e, FIELD_PROCESS_PID))
		buf_printf(out, " (pid %lld)",
		    (long long)event_num(e, FIELD_PROCESS_PID));
}

/* "python3 (pid 7) of www-data" */
static void
add_actor(struct buf *out, const struct event *e)
{
	if (add_program(out, e)) {
		buf_add_str(out, " of ");
		add_user(out, e);
	} else
		buf_add_str(out, "an unknown process");
}

static void
add_place(struct buf *out, const struct event *e)
{
	const char *method = event_str(e, FIELD_TALLYMAN_ATTRIBUTION_METHOD);

	if (is_set(e, FIELD_CONTAINER_ID) || is_set(e, FIELD_CONTAINER_NAME)) {
		buf_add_str(out, " in container ");
		if (is_set(e, FIELD_CONTAINER_NAME))
			add_name(out, e, FIELD_CONTAINER_NAME);
		else
			text_add_cut(out, event_str(e, FIELD_CONTAINER_ID), 12);
		if (!is_set(e, FIELD_CONTAINER_IMAGE_NAME))
			return;
		buf_add_str(out, " (image ");
		add_name(out, e, FIELD_CONTAINER_IMAGE_NAME);
		buf_add_char(out, ')');
	} else if (strcmp(method, "host") == 0)
		buf_add_str(out, " on the host");
	else
		buf_add_str(out, ", container not known");
}

static void
add_file(struct buf *out, const struct event *e)
{
	add_actor(out, e);
	add_place(out, e);
	buf_printf(out, ": %s ", is_set(e, FIELD_EVENT_ACTION) ?
	    event_str(e, FIELD_EVENT_ACTION) : "touched");
	text_add_cut(out, event_str(e, FIELD_FILE_PATH), COMMAND_MAX);
}

/* What a process did other than exec: ": mount /mnt", ": ptrace sshd". */
static void
add_call(struct buf *out, const struct event *e)
{
	const char *action = event_str(e, FIELD_EVENT_ACTION);

	if (action[0] == '\0' || strcmp(action, "exec") == 0)
		return;
	buf_printf(out, ": %s", action);
	if (is_set(e, FIELD_TALLYMAN_TARGET_NAME)) {
		buf_add_char(out, ' ');
		add_name(out, e, FIELD_TALLYMAN_TARGET_NAME);
	} else if (is_set(e, FIELD_FILE_PATH)) {
		buf_add_char(out, ' ');
		text_add_cut(out, event_str(e, FIELD_FILE_PATH), COMMAND_MAX);
	}
}

static void
add_connection(struct buf *out, const struct event *e)
{
	bool local = is_set(e, FIELD_FILE_PATH) &&
	    !is_set(e, FIELD_DESTINATION_IP);

	add_actor(out, e);
	add_place(out, e);
	buf_printf(out, ": %s to ", is_set(e, FIELD_EVENT_ACTION) ?
	    event_str(e, FIELD_EVENT_ACTION) : "connection");
	if (local)
		text_add_cut(out, event_str(e, FIELD_FILE_PATH), COMMAND_MAX);
	else
		reason_add_peer(out, e);
}

static void
add_flow(struct buf *out, const struct event *e, int64_t total)
{
	int64_t sent = total > 0 ? total :
	    event_num(e, FIELD_TALLYMAN_FLOW_PAYLOAD_SENT);

	if (is_set(e, FIELD_PROCESS_NAME) ||
	    is_set(e, FIELD_PROCESS_EXECUTABLE))
		add_actor(out, e);
	else if (is_set(e, FIELD_SOURCE_IP))
		text_add(out, e, FIELD_SOURCE_IP);
	else
		buf_add_str(out, "an unknown process");
	add_place(out, e);
	buf_add_str(out, " sent ");
	text_add_bytes(out, sent);
	buf_add_str(out, " to ");
	reason_add_peer(out, e);
	if (is_set(e, FIELD_NETWORK_TRANSPORT))
		buf_printf(out, " by %s", event_str(e, FIELD_NETWORK_TRANSPORT));
}

static void
add_other(struct buf *out, const struct event *e)
{
	buf_add_str(out, is_set(e, FIELD_EVENT_ACTION) ?
	    event_str(e, FIELD_EVENT_ACTION) : "an event");
	if (is_set(e, FIELD_FILE_PATH)) {
		buf_add_str(out, " of ");
		text_add_cut(out, event_str(e, FIELD_FILE_PATH), COMMAND_MAX);
	}
}

static void
add_entry(struct buf *out, const struct event *e)
{
	bool exec = strcmp(event_str(e, FIELD_TALLYMAN_ENTRY_KIND),
	    "exec") == 0;
	bool command = is_set(e, FIELD_TALLYMAN_ENTRY_BY_COMMAND_LINE);

	if (!exec && !is_set(e, FIELD_TALLYMAN_ENTRY_BY_USER))
		return;
	buf_add_str(out, ", begun by ");
	if (is_set(e, FIELD_TALLYMAN_ENTRY_BY_USER))
		add_name(out, e, FIELD_TALLYMAN_ENTRY_BY_USER);
	else if (command)
		buf_add_str(out, "an unknown user");
	if (command) {
		buf_add_str(out, " with '");
		text_add_cut(out,
		    event_str(e, FIELD_TALLYMAN_ENTRY_BY_COMMAND_LINE),
		    COMMAND_MAX);
		buf_add_char(out, '\'');
	} else
		buf_add_str(out, is_set(e, FIELD_TALLYMAN_ENTRY_BY_USER) ?
		    " with docker exec" : "docker exec");
}

static void
add_left_host(struct buf *out, const struct event *e)
{
	const char *left = event_str(e, FIELD_TALLYMAN_FLOW_LEFT_HOST);

	if (strcmp(left, "yes") == 0)
		buf_add_str(out, "; it left the host");
	else if (strcmp(left, "no") == 0)
		buf_add_str(out, "; it stayed on the host");
	else if (strcmp(left, "attempted") == 0)
		buf_add_str(out, "; it was sent towards the uplink and no "
		    "copy left the host");
}

static void
add_target(struct buf *out, const struct target *t)
{
	if (t == NULL)
		return;
	buf_printf(out, strchr(t->host, ':') != NULL && t->port != 0 ?
	    ", to [%s]" : ", to %s", t->host);
	if (t->port != 0)
		buf_printf(out, ":%u", t->port);
	buf_add_str(out, " as its arguments say");
}

void
reason_write(struct buf *out, const struct event *e, int64_t total,
    const struct target *target)
{
	switch (event_dataset(e)) {
	case EVENT_PROCESS:
		if (strcmp(event_str(e, FIELD_EVENT_ACTION), "exec") == 0)
			add_exec(out, e);
		else
			add_actor(out, e);
		add_place(out, e);
		add_call(out, e);
		break;
	case EVENT_FILE:
		add_file(out, e);
		break;
	case EVENT_NETWORK:
		add_connection(out, e);
		break;
	case EVENT_FLOW:
		add_flow(out, e, total);
		break;
	default:
		add_other(out, e);
		add_place(out, e);
		break;
	}
	add_target(out, target);
	if (strcmp(event_str(e, FIELD_EVENT_OUTCOME), "failure") == 0)
		buf_add_str(out, ", which failed");
	add_entry(out, e);
	add_left_host(out, e);
}
