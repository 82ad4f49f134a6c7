#include "tests/unit/outputs/mock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>

static void
exec_mock(const char *script, const int in[2], const int out[2], int port,
    const char *const extra[])
{
	char number[16];
	const char *argv[24] = { "python3", script, "--port", number };
	size_t n = 4;

	snprintf(number, sizeof(number), "%d", port);
	while (extra != NULL && *extra != NULL && n < 23)
		argv[n++] = *extra++;
	argv[n] = NULL;
	dup2(in[0], 0);
	dup2(out[1], 1);
	close(in[1]);
	close(out[0]);
	execvp("python3", (char *const *)argv);
	_exit(127);
}

bool
mock_start(struct mock *m, int port, const char *const argv[])
{
	const char *src = getenv("top_srcdir");
	char line[64] = "", script[4096];
	int in[2], out[2], status;
	size_t n = 0;

	snprintf(script, sizeof(script), "%s/tests/support/mock_es.py",
	    src == NULL ? "." : src);
	assert_int_equal(access(script, R_OK), 0);
	memset(m, 0, sizeof(*m));
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	m->pid = fork();
	assert_true(m->pid >= 0);
	if (m->pid == 0)
		exec_mock(script, in, out, port, argv);
	close(in[0]);
	close(out[1]);
	m->input = in[1];
	while (n < sizeof(line) - 1 && read(out[0], line + n, 1) == 1 &&
	    line[n] != '\n')
		n++;
	close(out[0]);
	if (sscanf(line, "port %d", &m->port) != 1) {
		waitpid(m->pid, &status, 0);
		close(m->input);
		return false;
	}
	for (; argv != NULL && *argv != NULL; argv++)
		if (strcmp(*argv, "--cert") == 0)
			m->tls = true;
	snprintf(m->url, sizeof(m->url), "http%s://localhost:%d",
	    m->tls ? "s" : "", m->port);
	return true;
}

void
mock_stop(struct mock *m)
{
	int status;

	if (m->pid <= 0)
		return;
	close(m->input);
	kill(m->pid, SIGKILL);
	waitpid(m->pid, &status, 0);
	m->pid = 0;
}

static size_t
take(char *data, size_t one, size_t n, void *ctx)
{
	(void)one;
	buf_add(ctx, data, n);
	return n;
}

static void
ask(const struct mock *m, const char *path, const char *body, struct buf *out)
{
	CURL *e = curl_easy_init();
	char url[128];

	snprintf(url, sizeof(url), "%s%s", m->url, path);
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT, 10L);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, out);
	if (body != NULL)
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, body);
	assert_int_equal(curl_easy_perform(e), CURLE_OK);
	curl_easy_cleanup(e);
}

void
mock_faults(const struct mock *m, const char *json)
{
	struct buf out;

	buf_init(&out, 0);
	ask(m, "/_mock/faults", json, &out);
	buf_fini(&out);
}

void
mock_docs(const struct mock *m, struct buf *out)
{
	buf_reset(out);
	ask(m, "/_mock/docs", NULL, out);
}
