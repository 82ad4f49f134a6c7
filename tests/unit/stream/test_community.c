#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "stream/community.h"

/* The baseline vectors that the specification's own tests publish. */
struct vector {
	const char	*source, *destination;
	uint16_t	 sport, dport;
	uint8_t		 proto;
	const char	*text;
};

static const struct vector vectors[] = {
	{ "128.232.110.120", "66.35.250.204", 34855, 80, 6,
	  "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
	{ "66.35.250.204", "128.232.110.120", 80, 34855, 6,
	  "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
	{ "192.168.1.52", "8.8.8.8", 54585, 53, 17,
	  "1:d/FP5EW3wiY1vCndhwleRRKHowQ=" },
	{ "192.168.170.8", "192.168.170.56", 7, 80, 132,
	  "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=" },
	{ "192.168.0.89", "192.168.0.1", 8, 0, 1,
	  "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=" },
	{ "192.168.0.1", "192.168.0.89", 0, 8, 1,
	  "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=" },
	{ "192.168.0.89", "192.168.0.1", 20, 1, 1,
	  "1:tz/fHIDUHs19NkixVVoOZywde+I=" },
	{ "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0, 58,
	  "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=" },
	{ "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 0, 58,
	  "1:pkvHqCL88/tg1k4cPigmZXUtL00=" },
	{ "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:507:0:1:260:97ff:fe07:69ea",
	  3, 0, 58, "1:/OGBt9BN1ofenrmSPWYicpij2Vc=" },
};

static void
test_vectors(void **state)
{
	struct ipaddr from, to;
	char text[COMMUNITY_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];

		assert_int_equal(ipaddr_parse(v->source, strlen(v->source),
		    &from), 0);
		assert_int_equal(ipaddr_parse(v->destination,
		    strlen(v->destination), &to), 0);
		community_id(text, &from, v->sport, &to, v->dport, v->proto);
		assert_string_equal(text, v->text);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests_name("community id", tests, NULL, NULL);
}
