/* SPDX-License-Identifier: GPL-2.0-only */
#include "ctl/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define TEXT_MAX       1536
#define KINDS          64u /* of messages that are told apart; the rest count as one */
/* Of one kind so many at once, then so many a second. */
#define BURST        100u
#define A_SECOND     10u
#define AUDIT_BURST  1000u
#define AUDIT_SECOND 100u

struct kind {
	const char *fmt; /* its address is its name */
	double tokens;
	uint64_t at_ns;
	uint64_t suppressed;
};

static struct {
	bool open;
	enum vn_log_level max;
	enum { TO_TERMINAL, TO_SYSTEMD, TO_JOURNAL } to;
	int journal;
	struct kind kinds[KINDS];
	size_t n_kinds;
} logger = {.max = VN_LOG_INFO, .journal = -EBADF};

static const struct {
	const char *word;
	enum vn_log_level level;
} levels[] = {
#define X(id, number, text) {text, VN_LOG_##id},
	VN_LOG_LEVELS(X)
#undef X
};

int vn_log_level_of(const char *word)
{
	for (size_t i = 0; i < VN_ARRAY_SIZE(levels); i++)
		if (strcmp(word, levels[i].word) == 0)
			return (int)levels[i].level;
	return -EINVAL;
}

/* --- where to -------------------------------------------------------------------------------------------------------
 */

/* Standard error is what systemd connected to the journal: not what somebody redirected it to since. */
static bool is_journals(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
	       st.st_dev == dev && st.st_ino == inode;
}

void vn_log_open(enum vn_log_level max)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
	cleanup_close int fd = -EBADF;

	logger.open = true;
	logger.max = max;
	logger.to = TO_TERMINAL;
	if (!is_journals())
		return;
	logger.to = TO_SYSTEMD;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return;
	vn_cleanup_close(&logger.journal);
	logger.journal = take_fd(&fd);
	logger.to = TO_JOURNAL;
}

/* --- one line -------------------------------------------------------------------------------------------------------
 */

/* "link lab/ab: text" has VNET_LINK=lab/ab. */
static size_t object_field(const char *text, char *buf, size_t size)
{
	static const char *const objects[][2] = {{"engine ", "VNET_ENGINE"},
						 {"link ", "VNET_LINK"},
						 {"node ", "VNET_NODE"},
						 {"port ", "VNET_PORT"},
						 {"topology ", "VNET_TOPOLOGY"}};

	for (size_t i = 0; i < VN_ARRAY_SIZE(objects); i++) {
		const char *name = text + strlen(objects[i][0]);
		int n;

		if (strncmp(text, objects[i][0], strlen(objects[i][0])) != 0)
			continue;
		n = snprintf(buf, size, "%s=%.*s\n", objects[i][1], (int)strcspn(name, ": ("), name);
		return n > 0 && (size_t)n < size ? (size_t)n : 0;
	}
	return 0;
}

static bool to_journal(enum vn_log_level level, const char *text, const char *fields)
{
	char buf[TEXT_MAX + 1024], object[256] = "";
	int n;

	object_field(text, object, sizeof(object));
	n = snprintf(buf, sizeof(buf), "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=vnet-agent\n%s%s", text, level,
		     object, fields);
	return n > 0 && (size_t)n < sizeof(buf) &&
	       send(logger.journal, buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n;
}

static void to_terminal(const char *text)
{
	struct timespec ts;
	char stamp[32];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(stderr, "%s.%03ld vnet-agent: %s\n", stamp, ts.tv_nsec / 1000000, text);
}

static void put(enum vn_log_level level, char *text, const char *fields)
{
	/* One line, whatever somebody called something. */
	for (char *s = text; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 127)
			*s = '?';
	if (logger.to == TO_JOURNAL && to_journal(level, text, fields))
		return;
	if (!logger.open)
		fprintf(stderr, "vnet-agent: %s\n", text);
	else if (logger.to == TO_TERMINAL)
		to_terminal(text);
	else
		fprintf(stderr, "<%d>%s\n", level, text);
}

/* --- too many -------------------------------------------------------------------------------------------------------
 */

static struct kind *kind_of(const char *fmt, unsigned int burst)
{
	for (size_t i = 0; i < logger.n_kinds; i++)
		if (logger.kinds[i].fmt == fmt)
			return &logger.kinds[i];
	if (logger.n_kinds == KINDS)
		return &logger.kinds[KINDS - 1];
	logger.kinds[logger.n_kinds] = (struct kind){.fmt = fmt, .tokens = burst, .at_ns = vn_now_ns()};
	return &logger.kinds[logger.n_kinds++];
}

static void refill(struct kind *k, unsigned int burst, unsigned int a_second)
{
	const uint64_t now = vn_now_ns();

	k->tokens += (double)(now - k->at_ns) / (double)VN_NSEC_PER_SEC * a_second;
	k->tokens = VN_MIN(k->tokens, (double)burst);
	k->at_ns = now;
}

static void tell_suppressed(struct kind *k)
{
	char text[TEXT_MAX];

	if (!k->suppressed)
		return;
	snprintf(text, sizeof(text), "log: %llu messages like '%.100s' were left out",
		 (unsigned long long)k->suppressed, k->fmt);
	k->suppressed = 0;
	put(VN_LOG_WARNING, text, "");
}

static bool allowed(const char *fmt, unsigned int burst, unsigned int a_second)
{
	struct kind *k = kind_of(fmt, burst);

	refill(k, burst, a_second);
	if (k->tokens < 1) {
		k->suppressed++;
		return false;
	}
	k->tokens--;
	tell_suppressed(k);
	return true;
}

void vn_log_tick(void)
{
	for (size_t i = 0; i < logger.n_kinds; i++) {
		struct kind *k = &logger.kinds[i];

		/* Not in the middle of a flood: a second after its last. */
		if (k->suppressed && vn_now_ns() - k->at_ns >= VN_NSEC_PER_SEC)
			tell_suppressed(k);
	}
}

/* --- what is said ---------------------------------------------------------------------------------------------------
 */

static void say(enum vn_log_level level, const char *fmt, va_list ap) VN_PRINTF(2, 0);

static void say(enum vn_log_level level, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];

	if (level > logger.max || (logger.open && !allowed(fmt, BURST, A_SECOND)))
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	put(level, text, "");
}

void vn_log_at(enum vn_log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(level, fmt, ap);
	va_end(ap);
}

void vn_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(VN_LOG_NOTICE, fmt, ap);
	va_end(ap);
}

/* A field's value, without what would begin another. */
static void add_field(char *fields, size_t size, const char *name, const char *value)
{
	size_t at = strlen(fields);
	int n = snprintf(fields + at, size - at, "%s=%.120s", name, value ?: "");

	for (size_t i = at; fields[i]; i++)
		if ((unsigned char)fields[i] < ' ')
			fields[i] = '?';
	if (n > 0 && at + (size_t)n + 1 < size) {
		fields[at + (size_t)n] = '\n';
		fields[at + (size_t)n + 1] = '\0';
	} else {
		fields[at] = '\0';
	}
}

void vn_log_audit(const struct vn_audit *a)
{
	static const char kind[] = "audit: ...";
	char text[TEXT_MAX], fields[1024] = "", number[16];
	const enum vn_log_level level = a->result ? VN_LOG_WARNING : VN_LOG_NOTICE;

	if (level > logger.max || !allowed(kind, AUDIT_BURST, AUDIT_SECOND))
		return;
	snprintf(text, sizeof(text), "audit: uid %u pid %d (%s): %.64s%s%.200s%s%.300s: %s%.600s", (unsigned int)a->uid,
		 (int)a->pid, a->comm, a->method, a->object ? " " : "", a->object ?: "", a->more ? " " : "",
		 a->more ?: "", a->result ? "failed: " : "done", a->result ?: "");
	snprintf(number, sizeof(number), "%u", (unsigned int)a->uid);
	add_field(fields, sizeof(fields), "VNET_AUDIT_UID", number);
	snprintf(number, sizeof(number), "%d", (int)a->pid);
	add_field(fields, sizeof(fields), "VNET_AUDIT_PID", number);
	add_field(fields, sizeof(fields), "VNET_AUDIT_COMM", a->comm);
	add_field(fields, sizeof(fields), "VNET_AUDIT_METHOD", a->method);
	add_field(fields, sizeof(fields), "VNET_AUDIT_OBJECT", a->object);
	add_field(fields, sizeof(fields), "VNET_AUDIT_RESULT", a->result ?: "done");
	put(level, text, fields);
}
