sbin_PROGRAMS += tallyman
tallyman_SOURCES = %D%/main.c
tallyman_LDADD = $(TALLYMAN_LIBS) $(EXTERNAL_LIBS)

# All of the agent but main, so that tests can link it.
noinst_LIBRARIES += %D%/libagent.a
%C%_libagent_a_SOURCES =

# Man pages lie beside the code: dist_man_MANS += %D%/tallyman.8
