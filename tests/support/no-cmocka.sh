#!/bin/sh
echo '1..0 # SKIP cmocka is not installed: no unit test was built'
