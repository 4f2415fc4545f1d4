/* SPDX-License-Identifier: GPL-2.0-only */
#include "lease/handover_proto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A message cut at its commas, with NULs; at most three words are ever right. */
#define WORDS_MAX 3

struct words {
	char text[VN_HANDOVER_MSG_MAX + 1];
	const char *word[WORDS_MAX];
	size_t n; /* WORDS_MAX + 1: too many */
};

static void cut(struct words *w, const char *msg, size_t len)
{
	char *at = w->text, *comma;

	memcpy(w->text, msg, len);
	w->text[len] = '\0';
	w->n = 0;
	do {
		comma = strchr(at, ',');
		if (comma)
			*comma = '\0';
		if (w->n < WORDS_MAX)
			w->word[w->n] = at;
		w->n++;
		at = comma ? comma + 1 : NULL;
	} while (at && w->n <= WORDS_MAX);
}

static bool is(const struct words *w, const char *verb, size_t n_words)
{
	return w->n == n_words && strcmp(w->word[0], verb) == 0;
}

/* Digits alone, as large as the kernel's int. */
static bool number(const char *s, uint32_t *ret)
{
	uint64_t v = 0;

	if (!*s || strlen(s) > 10)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	if (v > INT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static void keep_host(struct vn_handover_session *s, const char *host)
{
	size_t i;

	for (i = 0; host[i] && i < sizeof(s->host) - 1; i++)
		s->host[i] = host[i] > ' ' && host[i] < 127 ? host[i] : '?';
	s->host[i] = '\0';
}

static struct vn_handover_step reply(const char *text, bool close)
{
	return (struct vn_handover_step){.action = VN_HANDOVER_REPLY, .reply = text, .close = close};
}

static struct vn_handover_step hang_up(void)
{
	return (struct vn_handover_step){.action = VN_HANDOVER_CLOSE, .close = true};
}

static struct vn_handover_step first_message(struct vn_handover_session *s, const struct vn_handover_port *port,
					     const struct words *w)
{
	if (!is(w, "/connect", 2) || port->taken)
		return reply("/host_nak", true);
	keep_host(s, w->word[1]);
	s->connected = true;
	return reply("/host_ok", false);
}

static struct vn_handover_step busy_poll(const struct words *w, size_t n_fds)
{
	struct vn_handover_step step = {.action = VN_HANDOVER_BUSY_POLL, .reply = VN_HANDOVER_BUSY_POLL_ACK};

	if (n_fds != 1 || !number(w->word[1], &step.usec) || !number(w->word[2], &step.budget))
		return reply(VN_HANDOVER_BUSY_POLL_NAK, false);
	return step;
}

struct vn_handover_step vn_handover_message(struct vn_handover_session *s, const struct vn_handover_port *port,
					    const char *msg, size_t len, size_t n_fds)
{
	struct words w;

	if (!len || ++s->n_msgs > VN_HANDOVER_MSGS_MAX)
		return hang_up();
	if (len > VN_HANDOVER_MSG_MAX || memchr(msg, '\0', len))
		return n_fds ? hang_up() : reply(s->connected ? "/nak" : "/host_nak", true);
	cut(&w, msg, len);
	if (n_fds && !(s->connected && n_fds == 1 && is(&w, "/config_busy_poll", 3)))
		return hang_up();
	if (!s->connected)
		return first_message(s, port, &w);
	if (is(&w, "/version", 1))
		return reply("0.1", false);
	if (is(&w, "/xsk_map_fd", 2)) {
		if (strcmp(w.word[1], port->ifname) != 0)
			return reply(VN_HANDOVER_FD_NAK, false);
		s->given = true;
		return (struct vn_handover_step){.action = VN_HANDOVER_GIVE, .reply = "/fd_ack"};
	}
	if (is(&w, "/config_busy_poll", 3))
		return busy_poll(&w, n_fds);
	if (is(&w, "/fin", 1))
		return reply("/fin_ack", true);
	return reply("/nak", false);
}

int vn_handover_hello(struct vn_handover_session *s, const void *msg, size_t len, size_t n_fds)
{
	struct vn_handover_hello hello = {0};

	if (n_fds || ++s->n_msgs > VN_HANDOVER_MSGS_MAX || len < offsetof(struct vn_handover_hello, reserved))
		return -EPROTO;
	memcpy(&hello, msg, len < sizeof(hello) ? len : sizeof(hello));
	if (hello.magic != VN_HANDOVER_MAGIC)
		return -EPROTO;
	if (hello.version != VN_HANDOVER_VERSION)
		return -EPROTONOSUPPORT;
	if (len != sizeof(hello) || !memchr(hello.name, '\0', sizeof(hello.name)))
		return -EPROTO;
	keep_host(s, hello.name);
	s->connected = true;
	return 0;
}
