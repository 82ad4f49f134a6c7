/*
 * unit: what every cmocka program includes, in the order that cmocka needs.
 */
#ifndef TESTS_SUPPORT_UNIT_H
#define TESTS_SUPPORT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define UNIT_COUNT(array)	(sizeof(array) / sizeof((array)[0]))

#endif
