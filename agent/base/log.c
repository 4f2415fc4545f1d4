/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <uthash.h>

#include <base/util.h>

#include "base/runtime_dir.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define TEXT_MAX       1536
#define KINDS          64u /* of messages that are told apart; the rest count as one */
/* Of one kind so many at once, then so many a second. */
#define BURST        100u
#define A_SECOND     10u
#define AUDIT_BURST  1000u
#define AUDIT_SECOND 100u
#define AUDIT_LIKE   "audit: ..."
#define REFUSED_UIDS 4u /* that are named; there may be more */

struct bucket {
	double tokens;
	uint64_t at_ns;
	uint64_t suppressed;
};

struct kind {
	const char *fmt; /* its address is its name */
	struct bucket b;
};

/* The changes of one user that succeeded, or failed: nobody else takes from their bucket. */
struct changes {
	struct {
		uid_t uid;
		uint32_t failed;
	} of;
	struct bucket b;
	UT_hash_handle hh;
};

static struct {
	bool open;
	enum vn_log_level max;
	enum { TO_TERMINAL, TO_SYSTEMD, TO_JOURNAL } to;
	int journal;
	struct kind kinds[KINDS];
	size_t n_kinds;
	struct changes *changes; /* uthash, by user and outcome */
	struct {
		struct bucket b;
		uid_t uids[REFUSED_UIDS]; /* of the suppressed ones */
		size_t n_uids;
		bool more_uids;
	} refused; /* on the read-only socket: anybody can cause them */
} logger = {.max = VN_LOG_INFO, .journal = -EBADF, .refused.b.tokens = BURST};

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

/*
 * The length of the character at @text, or 0: what is not UTF-8 (of which the journal would show nothing), a control
 * character (C1, too), or one that breaks the line or turns the direction of writing.
 */
static size_t printable(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	const size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
	uint32_t c = len == 1 ? s[0] : s[0] & (0x7fu >> len);

	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < ' ' || (c >= 0x7f && c <= 0x9f) || (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069) || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	return (len == 3 && c < 0x800) || (len == 4 && c < 0x10000) ? 0 : len;
}

/* One line, whatever somebody called something. */
static void clean(char *text)
{
	for (char *s = text; *s;) {
		size_t len = printable(s);

		if (!len)
			*s = '?';
		s += len ?: 1;
	}
}

void vn_log_word(const char *s, char *buf, size_t size)
{
	size_t at = 0;

	while (*s) {
		const size_t len = strchr(" ()\\", *s) ? 0 : printable(s);

		if (at + VN_MAX(len, (size_t)4) >= size)
			break;
		if (len)
			memcpy(buf + at, s, len);
		else
			snprintf(buf + at, size - at, "\\x%02x", (unsigned int)(unsigned char)*s);
		at += len ?: 4;
		s += len ?: 1;
	}
	buf[at] = '\0';
}

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
	clean(text);
	if (logger.to == TO_JOURNAL && to_journal(level, text, fields))
		return;
	if (!logger.open)
		fprintf(stderr, "vnet-agent: %s\n", text);
	else if (logger.to == TO_TERMINAL)
		to_terminal(text);
	else
		fprintf(stderr, "<%d>%s\n", level, text);
}

static struct kind *kind_of(const char *fmt)
{
	for (size_t i = 0; i < logger.n_kinds; i++)
		if (logger.kinds[i].fmt == fmt)
			return &logger.kinds[i];
	if (logger.n_kinds == KINDS)
		return &logger.kinds[KINDS - 1];
	logger.kinds[logger.n_kinds] = (struct kind){.fmt = fmt, .b = {.tokens = BURST, .at_ns = vn_now_ns()}};
	return &logger.kinds[logger.n_kinds++];
}

/* NULL: no memory. */
static struct changes *changes_of(uid_t uid, bool failed)
{
	struct changes *c, key = {.of = {.uid = uid, .failed = failed}};

	HASH_FIND(hh, logger.changes, &key.of, sizeof(key.of), c);
	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->of = key.of;
	c->b = (struct bucket){.tokens = AUDIT_BURST, .at_ns = vn_now_ns()};
	HASH_ADD(hh, logger.changes, of, sizeof(c->of), c);
	return c;
}

static bool take(struct bucket *b, unsigned int burst, unsigned int a_second)
{
	const uint64_t now = vn_now_ns();

	b->tokens += (double)(now - b->at_ns) / (double)VN_NSEC_PER_SEC * a_second;
	b->tokens = VN_MIN(b->tokens, (double)burst);
	b->at_ns = now;
	if (b->tokens < 1) {
		b->suppressed++;
		return false;
	}
	b->tokens--;
	return true;
}

static void tell_suppressed(struct bucket *b, const char *like, const char *whose)
{
	char text[TEXT_MAX];

	if (!b->suppressed)
		return;
	snprintf(text, sizeof(text), "log: %llu messages like '%.100s' were left out%s",
		 (unsigned long long)b->suppressed, like, whose);
	b->suppressed = 0;
	put(VN_LOG_WARNING, text, "");
}

static void tell_changes(struct changes *c)
{
	char whose[64];

	snprintf(whose, sizeof(whose), ": changes of uid %u that %s", (unsigned int)c->of.uid,
		 c->of.failed ? "failed" : "succeeded");
	tell_suppressed(&c->b, AUDIT_LIKE, whose);
}

static void tell_refused(void)
{
	char whose[128] = ": refused on " VN_SOCK_OBSERVE ", of uid";

	for (size_t i = 0; i < logger.refused.n_uids; i++) {
		size_t at = strlen(whose);

		snprintf(whose + at, sizeof(whose) - at, "%s %u", i ? "," : "", (unsigned int)logger.refused.uids[i]);
	}
	if (logger.refused.more_uids)
		strncat(whose, " and others", sizeof(whose) - strlen(whose) - 1);
	tell_suppressed(&logger.refused.b, AUDIT_LIKE, whose);
	logger.refused.n_uids = 0;
	logger.refused.more_uids = false;
}

static bool allowed(const char *fmt)
{
	struct kind *k = kind_of(fmt);

	if (!take(&k->b, BURST, A_SECOND))
		return false;
	tell_suppressed(&k->b, k->fmt, "");
	return true;
}

static bool allowed_change(uid_t uid, bool failed)
{
	struct changes *c = changes_of(uid, failed);

	if (!c)
		return true;
	if (!take(&c->b, AUDIT_BURST, AUDIT_SECOND))
		return false;
	tell_changes(c);
	return true;
}

static bool allowed_refusal(uid_t uid)
{
	size_t i = 0;

	if (take(&logger.refused.b, BURST, A_SECOND)) {
		tell_refused();
		return true;
	}
	while (i < logger.refused.n_uids && logger.refused.uids[i] != uid)
		i++;
	if (i == REFUSED_UIDS)
		logger.refused.more_uids = true;
	else if (i == logger.refused.n_uids)
		logger.refused.uids[logger.refused.n_uids++] = uid;
	return false;
}

/* Not in the middle of a flood: a second after its last. */
static bool is_over(const struct bucket *b)
{
	return b->suppressed && vn_now_ns() - b->at_ns >= VN_NSEC_PER_SEC;
}

void vn_log_tick(void)
{
	struct changes *c, *next;

	for (size_t i = 0; i < logger.n_kinds; i++)
		if (is_over(&logger.kinds[i].b))
			tell_suppressed(&logger.kinds[i].b, logger.kinds[i].fmt, "");
	if (is_over(&logger.refused.b))
		tell_refused();
	HASH_ITER (hh, logger.changes, c, next) {
		if (is_over(&c->b))
			tell_changes(c);
		/* It is full again: as a new one. */
		if (vn_now_ns() - c->b.at_ns >= AUDIT_BURST / AUDIT_SECOND * VN_NSEC_PER_SEC) {
			HASH_DEL(logger.changes, c);
			free(c);
		}
	}
}

static void say(enum vn_log_level level, const char *fmt, va_list ap) VN_PRINTF(2, 0);

static void say(enum vn_log_level level, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];

	if (level > logger.max || (logger.open && !allowed(fmt)))
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

	clean(fields + at);
	if (n > 0 && at + (size_t)n + 1 < size) {
		fields[at + (size_t)n] = '\n';
		fields[at + (size_t)n + 1] = '\0';
	} else {
		fields[at] = '\0';
	}
}

void vn_log_audit(const struct vn_audit *a)
{
	char text[TEXT_MAX], fields[1024] = "", number[16], method[64], object[200];
	const enum vn_log_level level = a->result ? VN_LOG_WARNING : VN_LOG_NOTICE;

	if (level > logger.max ||
	    !(a->observe && a->result ? allowed_refusal(a->uid) : allowed_change(a->uid, a->result)))
		return;
	vn_log_word(a->method, method, sizeof(method));
	vn_log_word(a->object ?: "", object, sizeof(object));
	snprintf(text, sizeof(text), "audit: uid %u pid %d (%s): %s%s%s%s%.300s: %s%.600s", (unsigned int)a->uid,
		 (int)a->pid, a->comm, method, object[0] ? " " : "", object, a->more ? " " : "", a->more ?: "",
		 a->result ? "failed: " : "done", a->result ?: "");
	snprintf(number, sizeof(number), "%u", (unsigned int)a->uid);
	add_field(fields, sizeof(fields), "VNET_AUDIT_UID", number);
	snprintf(number, sizeof(number), "%d", (int)a->pid);
	add_field(fields, sizeof(fields), "VNET_AUDIT_PID", number);
	add_field(fields, sizeof(fields), "VNET_AUDIT_COMM", a->comm);
	add_field(fields, sizeof(fields), "VNET_AUDIT_METHOD", method);
	add_field(fields, sizeof(fields), "VNET_AUDIT_OBJECT", object);
	add_field(fields, sizeof(fields), "VNET_AUDIT_RESULT", a->result ?: "done");
	put(level, text, fields);
}
