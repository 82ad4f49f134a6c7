#include "lib/mono.h"

#include <errno.h>
#include <time.h>

#define DAY_S		86400
/* Days from 0000-03-01 to 1970-01-01; years are counted from March on so
 * that the leap day is the last of a year. */
#define EPOCH_DAYS	719468

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * MONO_S + ts.tv_nsec;
}

struct mono
mono_now(const struct mono_clock *c)
{
	if (c->driven)
		return c->mono;
	return (struct mono){ read_clock(CLOCK_BOOTTIME) };
}

struct wall
mono_wall(const struct mono_clock *c)
{
	if (c->driven)
		return c->wall;
	return (struct wall){ read_clock(CLOCK_REALTIME) };
}

void
mono_drive(struct mono_clock *c, struct wall wall)
{
	int64_t step;

	if (!c->driven) {
		c->driven = true;
		c->mono.ns = wall.ns;
	} else if (wall.ns > c->wall.ns) {
		if (__builtin_sub_overflow(wall.ns, c->wall.ns, &step) ||
		    __builtin_add_overflow(c->mono.ns, step, &c->mono.ns))
			c->mono.ns = INT64_MAX;
	}
	c->wall = wall;
}

struct date {
	int	year, month, day;
};

static struct date
date_from_days(int64_t days)
{
	int64_t left = days + EPOCH_DAYS;
	int64_t n400, n100, n4, n1, month;
	struct date d;

	n400 = left / 146097;
	left %= 146097;
	n100 = left / 36524 > 3 ? 3 : left / 36524;
	left -= n100 * 36524;
	n4 = left / 1461;
	left %= 1461;
	n1 = left / 365 > 3 ? 3 : left / 365;
	left -= n1 * 365;
	month = (5 * left + 2) / 153;	/* 0 is March */
	d.day = (int)(left - (153 * month + 2) / 5 + 1);
	d.month = (int)(month < 10 ? month + 3 : month - 9);
	d.year = (int)(n400 * 400 + n100 * 100 + n4 * 4 + n1) + (d.month <= 2);
	return d;
}

static int64_t
days_from_date(struct date d)
{
	int64_t y = d.month <= 2 ? d.year - 1 : d.year;
	int64_t m = d.month <= 2 ? d.month + 9 : d.month - 3;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 +
	    d.day - 1 - EPOCH_DAYS;
}

static char *
put_digits(char *p, int64_t v, int n, char after)
{
	for (int i = n - 1; i >= 0; i--) {
		p[i] = (char)('0' + v % 10);
		v /= 10;
	}
	p[n] = after;
	return p + n + 1;
}

/* 64 bits of nanoseconds reach from 1677 to 2262, well inside four digits. */
void
wall_format(struct wall w, char text[static WALL_TEXT])
{
	int64_t ns = w.ns % MONO_S, s = w.ns / MONO_S, days;
	struct date d;
	char *p = text;

	if (ns < 0) {
		ns += MONO_S;
		s--;
	}
	days = s / DAY_S;
	s %= DAY_S;
	if (s < 0) {
		s += DAY_S;
		days--;
	}
	d = date_from_days(days);
	p = put_digits(p, d.year, 4, '-');
	p = put_digits(p, d.month, 2, '-');
	p = put_digits(p, d.day, 2, 'T');
	p = put_digits(p, s / 3600, 2, ':');
	p = put_digits(p, s / 60 % 60, 2, ':');
	p = put_digits(p, s % 60, 2, '.');
	p = put_digits(p, ns, 9, 'Z');
	*p = '\0';
}

/* Exactly n digits. */
static bool
get_digits(const char **text, int n, int64_t *out)
{
	int64_t v = 0;

	for (int i = 0; i < n; i++, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		v = v * 10 + (**text - '0');
	}
	*out = v;
	return true;
}

static bool
get_char(const char **text, const char *any)
{
	for (; *any != '\0'; any++)
		if (**text == *any) {
			(*text)++;
			return true;
		}
	return false;
}

static int
month_days(int64_t year, int64_t month)
{
	static const int days[] =
	    { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

static bool
get_date(const char **p, int64_t *days)
{
	int64_t y, m, d;

	if (!get_digits(p, 4, &y) || !get_char(p, "-") ||
	    !get_digits(p, 2, &m) || !get_char(p, "-") ||
	    !get_digits(p, 2, &d))
		return false;
	/* What 64 bits of nanoseconds hold in full. */
	if (y < 1678 || y > 2261 || m < 1 || m > 12 || d < 1 ||
	    d > month_days(y, m))
		return false;
	*days = days_from_date((struct date){ (int)y, (int)m, (int)d });
	return true;
}

/* Time of day; a leap second (60) becomes the first of the next minute. */
static bool
get_time(const char **p, int64_t *s, int64_t *ns)
{
	int64_t hour, min, sec, unit = MONO_S / 10;

	*ns = 0;
	if (!get_digits(p, 2, &hour) || !get_char(p, ":") ||
	    !get_digits(p, 2, &min) || !get_char(p, ":") ||
	    !get_digits(p, 2, &sec) || hour > 23 || min > 59 || sec > 60)
		return false;
	*s = hour * 3600 + min * 60 + sec;
	if (!get_char(p, "."))
		return true;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10) {
		if (unit == 0)
			return false;
		*ns += (**p - '0') * unit;
	}
	return true;
}

static bool
get_zone(const char **p, int64_t *offset)
{
	int64_t hour, min;
	int sign = **p == '-' ? -1 : 1;

	*offset = 0;
	if (get_char(p, "Zz"))
		return true;
	if (!get_char(p, "+-") || !get_digits(p, 2, &hour) ||
	    !get_char(p, ":") || !get_digits(p, 2, &min) || hour > 23 ||
	    min > 59)
		return false;
	*offset = sign * (hour * 3600 + min * 60);
	return true;
}

static int
parse_stamp(const char *p, struct wall *out)
{
	int64_t days, s, ns, offset;

	if (!get_date(&p, &days) || !get_char(&p, "Tt ") ||
	    !get_time(&p, &s, &ns) || !get_zone(&p, &offset) || *p != '\0')
		return -EINVAL;
	out->ns = (days * DAY_S + s - offset) * MONO_S + ns;
	return 0;
}

static int
parse_span(const char *p, struct wall now, struct wall *out)
{
	int64_t n = 0, unit;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, *p - '0', &n))
			return -EINVAL;
	switch (*p) {
	case 's': unit = MONO_S; break;
	case 'm': unit = 60 * MONO_S; break;
	case 'h': unit = 3600 * MONO_S; break;
	case 'd': unit = DAY_S * MONO_S; break;
	default: return -EINVAL;
	}
	if (p[1] != '\0' || __builtin_mul_overflow(n, unit, &n) ||
	    __builtin_sub_overflow(now.ns, n, &n))
		return -EINVAL;
	out->ns = n;
	return 0;
}

int
wall_parse(const char *text, struct wall now, struct wall *out)
{
	size_t digits = 0;

	while (text[digits] >= '0' && text[digits] <= '9')
		digits++;
	if (digits == 0)
		return -EINVAL;
	if (digits == 4 && text[4] == '-')
		return parse_stamp(text, out);
	return parse_span(text, now, out);
}
