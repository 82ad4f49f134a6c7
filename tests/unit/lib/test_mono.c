#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "lib/mono.h"

static const struct wall noon = { INT64_C(1780315200) * MONO_S };

static void
assert_shown(int64_t ns, const char *expected)
{
	char text[WALL_TEXT];

	memset(text, 'x', sizeof(text));
	wall_format((struct wall){ ns }, text);
	assert_string_equal(text, expected);
}

/* Seconds from date -u -d ... +%s. */
static void
formats(void **state)
{
	(void)state;
	assert_shown(0, "1970-01-01T00:00:00.000000000Z");
	assert_shown(-1, "1969-12-31T23:59:59.999999999Z");
	assert_shown(951782400 * MONO_S, "2000-02-29T00:00:00.000000000Z");
	assert_shown(1780305247 * MONO_S + 412 * MONO_MS,
	    "2026-06-01T09:14:07.412000000Z");
	assert_shown(INT64_C(-2203891201) * MONO_S,
	    "1900-02-28T23:59:59.000000000Z");
	assert_shown(INT64_C(-2203891200) * MONO_S,
	    "1900-03-01T00:00:00.000000000Z");
	assert_shown(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
	assert_shown(INT64_MIN, "1677-09-21T00:12:43.145224192Z");
}

/* The C library's calendar, about every 11 days and 13 hours. */
static void
agrees_with_libc(void **state)
{
	char text[WALL_TEXT], expected[64];
	struct wall parsed;
	struct tm tm;

	(void)state;
	for (time_t t = -9200000000; t < 9200000000; t += 999983) {
		gmtime_r(&t, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &tm);
		wall_format((struct wall){ t * MONO_S + 7 }, text);
		assert_memory_equal(text, expected, strlen(expected));
		assert_string_equal(text + 19, ".000000007Z");
		assert_int_equal(wall_parse(text, noon, &parsed), 0);
		assert_true(parsed.ns == t * MONO_S + 7);
	}
}

static void
assert_parsed(const char *text, int64_t ns)
{
	struct wall w = { 1 };

	assert_int_equal(wall_parse(text, noon, &w), 0);
	assert_true(w.ns == ns);
}

static void
parses_stamps(void **state)
{
	(void)state;
	/* RFC 3339, section 5.8. */
	assert_parsed("1985-04-12T23:20:50.52Z",
	    482196050 * MONO_S + 520 * MONO_MS);
	assert_parsed("1996-12-19T16:39:57-08:00", 851042397 * MONO_S);
	assert_parsed("1990-12-31T23:59:60Z", 662688000 * MONO_S);
	assert_parsed("1990-12-31T15:59:60-08:00", 662688000 * MONO_S);
	assert_parsed("1937-01-01T12:00:27.87+00:20",
	    INT64_C(-1041337173) * MONO_S + 870 * MONO_MS);
	assert_parsed("1970-01-01t00:00:00.000000001z", 1);
	assert_parsed("1970-01-01 00:00:01Z", MONO_S);
	assert_parsed("2024-02-29T00:00:00Z", 1709164800 * MONO_S);
}

static void
parses_spans(void **state)
{
	(void)state;
	assert_parsed("0s", noon.ns);
	assert_parsed("10s", noon.ns - 10 * MONO_S);
	assert_parsed("5m", noon.ns - 300 * MONO_S);
	assert_parsed("2h", noon.ns - 7200 * MONO_S);
	assert_parsed("3d", noon.ns - 259200 * MONO_S);
	assert_parsed("2026s", noon.ns - 2026 * MONO_S);
}

static void
refuses_what_is_no_time(void **state)
{
	static const char *const bad[] = {
		"", "x", "10", "s", "10x", "10ss", "-5m", "5 m", "1.5h",
		"99999999999999999999s", "9223372036854775807d",
		"9223372036s9", "99999999999s",
		"2026-06-01", "2026-06-01T09:14:07", "2026-6-01T09:14:07Z",
		"2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z",
		"2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
		"2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
		"2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z",
		"2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567891Z",
		"2026-01-01T00:00:00Zx", "2026-01-01T00:00:00+24:00",
		"2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+01:60",
		"2026-01-01X00:00:00Z", "0001-01-01T00:00:00Z",
		"2263-01-01T00:00:00Z", "1677-12-31T23:59:59Z"
	};
	struct wall w = { 42 };

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(bad); i++)
		if (wall_parse(bad[i], noon, &w) != -EINVAL || w.ns != 42)
			fail_msg("%s was taken", bad[i]);
}

static void
a_real_clock_runs(void **state)
{
	struct mono_clock c = { 0 };
	struct mono a = mono_now(&c), b = mono_now(&c);
	struct timespec ts;

	(void)state;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	assert_true(b.ns >= a.ns);
	assert_true(ts.tv_sec * MONO_S + ts.tv_nsec - a.ns < 10 * MONO_S);
	assert_true(mono_wall(&c).ns / MONO_S - time(NULL) <= 1);
	assert_true(time(NULL) - mono_wall(&c).ns / MONO_S <= 1);
}

static void
a_driven_clock_shows_what_it_is_told(void **state)
{
	struct mono_clock c = { 0 };

	(void)state;
	mono_drive(&c, (struct wall){ 1000 });
	assert_true(mono_now(&c).ns == 1000);
	assert_true(mono_wall(&c).ns == 1000);
	mono_drive(&c, (struct wall){ 1500 });
	assert_true(mono_now(&c).ns == 1500);
	/* A wall clock may be set back, the other one not. */
	mono_drive(&c, (struct wall){ 200 });
	assert_true(mono_now(&c).ns == 1500);
	assert_true(mono_wall(&c).ns == 200);
	mono_drive(&c, (struct wall){ 300 });
	assert_true(mono_now(&c).ns == 1600);
	mono_drive(&c, (struct wall){ INT64_MIN });
	mono_drive(&c, (struct wall){ INT64_MAX });
	assert_true(mono_now(&c).ns == INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats),
		cmocka_unit_test(agrees_with_libc),
		cmocka_unit_test(parses_stamps),
		cmocka_unit_test(parses_spans),
		cmocka_unit_test(refuses_what_is_no_time),
		cmocka_unit_test(a_real_clock_runs),
		cmocka_unit_test(a_driven_clock_shows_what_it_is_told)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
