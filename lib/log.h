/*
 * log: messages of the program for its operator. One line each, lower-case
 * first letter, no full stop: what failed: on what: why.
 *
 * Each .c that logs defines LOG_TAG before including this header
 * (#define LOG_TAG "docker"); the tag stands in front of the message.
 * Bytes below 0x20, 0x7f and above are written as \xNN, so a container's
 * strings can be logged as they are. Lines are cut at 2,000 bytes.
 *
 * stderr with systemd's <N> priority prefix when JOURNAL_STREAM is set,
 * plain "tallyman: tag: text" otherwise.
 * Threads: any. This is the only module with file-scope state.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

/* Messages above this syslog level are dropped; default LOG_INFO. */
void log_set_level(int level);
int log_level(void);
/* "error", "warning", "notice", "info", "debug"; -1 when unknown. */
int log_level_parse(const char *name);
/* Role that is put before the tag ("broker", "engine"); static storage. */
void log_set_role(const char *role);

void log_emit(int level, const char *tag, bool with_errno, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * Lets through `burst` messages every `period_s` seconds and reports how many
 * it swallowed with the next one that passes. One static const-initialised
 * object per call site would be file-scope state: keep it in the module's
 * own struct.
 */
struct log_limit {
	uint32_t	burst;		/* 0 means 5 */
	uint32_t	period_s;	/* 0 means 60 */
	uint32_t	seen;
	uint64_t	swallowed;
	int64_t		since_ns;	/* CLOCK_MONOTONIC_COARSE */
};
/* True when this message may pass; *swallowed is then what was held back. */
bool log_limit_pass(struct log_limit *, uint64_t *swallowed);

#ifndef LOG_TAG
#define LOG_TAG "tallyman"
#endif
/* log_warn appends the text of errno, the others do not. */
#define log_warn(...)	log_emit(LOG_WARNING, LOG_TAG, true, __VA_ARGS__)
#define log_warnx(...)	log_emit(LOG_WARNING, LOG_TAG, false, __VA_ARGS__)
#define log_err(...)	log_emit(LOG_ERR, LOG_TAG, true, __VA_ARGS__)
#define log_errx(...)	log_emit(LOG_ERR, LOG_TAG, false, __VA_ARGS__)
#define log_notice(...)	log_emit(LOG_NOTICE, LOG_TAG, false, __VA_ARGS__)
#define log_info(...)	log_emit(LOG_INFO, LOG_TAG, false, __VA_ARGS__)
#define log_debug(...)	log_emit(LOG_DEBUG, LOG_TAG, false, __VA_ARGS__)
/* For whatever an outsider can trigger. */
#define log_limited(lim, level, ...) do {				\
	uint64_t swallowed_ = 0;					\
	if (log_limit_pass(lim, &swallowed_)) {				\
		if (swallowed_ != 0)					\
			log_emit(level, LOG_TAG, false,			\
			    "%llu like the next one not shown",		\
			    (unsigned long long)swallowed_);		\
		log_emit(level, LOG_TAG, false, __VA_ARGS__);		\
	}								\
} while (0)

#endif
