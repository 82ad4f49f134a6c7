noinst_LIBRARIES += %D%/libenrich.a
%C%_libenrich_a_SOURCES =
