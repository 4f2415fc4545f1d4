// SPDX-License-Identifier: GPL-2.0-only
/*
 * nsid [--list] [IFINDEX...]: what a node's root reaches of other network namespaces by the numbers that its own has
 * for them (IFLA_TARGET_NETNSID, IFLA_LINK_NETNSID), for all ids from 0 to 63: lists their devices, deletes those with
 * IFINDEX, makes a device in there, a veth whose other end is there, a macvlan over each IFINDEX there. With --list it
 * only lists. Prints a line for each thing that it could do and exits with 0; 1 when there was none, 2 for its own
 * faults.
 *
 * nsid --owner FILE: the inode of the user namespace that the network namespace FILE belongs to
 * nsid --owner-uid FILE: the user whom that one belongs to
 */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/netlink.h>
#include <base/userns.h>

#define IDS 64

struct req {
	struct nlmsghdr h;
	struct ifinfomsg ifi;
	uint8_t attrs[256];
};

static int sock;

static void begin(struct req *q, uint16_t type, uint16_t flags, int ifindex)
{
	memset(q, 0, sizeof(*q));
	q->h.nlmsg_len = NLMSG_LENGTH(sizeof(q->ifi));
	q->h.nlmsg_type = type;
	q->h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	q->ifi.ifi_index = ifindex;
}

static struct rtattr *put(struct req *q, unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (struct rtattr *)((uint8_t *)q + NLMSG_ALIGN(q->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
	q->h.nlmsg_len = NLMSG_ALIGN(q->h.nlmsg_len) + RTA_ALIGN(a->rta_len);
	return a;
}

static void put_u32(struct req *q, unsigned short type, uint32_t value)
{
	put(q, type, &value, sizeof(value));
}

static void end(const struct req *q, struct rtattr *nest)
{
	nest->rta_len = (unsigned short)((const uint8_t *)q + q->h.nlmsg_len - (const uint8_t *)nest);
}

/* The kernel's answer: devices that it told of, 0 when it did as asked, or -errno. */
static int ask(struct req *q)
{
	static uint32_t seq;
	_Alignas(struct nlmsghdr) static uint8_t buf[65536];
	int devices = 0;
	ssize_t n;

	q->h.nlmsg_seq = ++seq;
	if (send(sock, q, q->h.nlmsg_len, 0) < 0)
		return -errno;
	while ((n = vn_netlink_recv(sock, 0, buf, sizeof(buf), 0)) > 0)
		for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
			const struct nlmsgerr *e = NLMSG_DATA(h);

			if (h->nlmsg_seq != seq)
				continue;
			if (h->nlmsg_type == NLMSG_ERROR)
				return e->error ?: devices;
			if (h->nlmsg_type == NLMSG_DONE)
				return *(const int *)NLMSG_DATA(h) ?: devices;
			devices += h->nlmsg_type == RTM_NEWLINK;
		}
	return (int)n;
}

static bool did(bool done, const char *what, uint32_t id, unsigned long ifindex)
{
	if (done)
		printf("%s: id %u, device %lu\n", what, id, ifindex);
	return done;
}

static bool list(uint32_t id)
{
	struct req q;

	begin(&q, RTM_GETLINK, NLM_F_DUMP, 0);
	put_u32(&q, IFLA_TARGET_NETNSID, id);
	return did(ask(&q) > 0, "list", id, 0);
}

static bool delete (uint32_t id, unsigned long ifindex)
{
	struct req q;

	begin(&q, RTM_DELLINK, NLM_F_ACK, (int)ifindex);
	put_u32(&q, IFLA_TARGET_NETNSID, id);
	return did(ask(&q) == 0, "delete", id, ifindex);
}

static struct rtattr *kind(struct req *q, const char *word)
{
	struct rtattr *info = put(q, IFLA_LINKINFO | NLA_F_NESTED, NULL, 0);

	put(q, IFLA_INFO_KIND, word, strlen(word));
	return info;
}

/* One end in the namespace that attribute @where names, the other here. */
static bool make_veth(uint32_t id, unsigned short where, const char *what)
{
	struct rtattr *info, *data, *peer;
	struct ifinfomsg ifi = {0};
	struct req q;

	begin(&q, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 0);
	put_u32(&q, where, id);
	info = kind(&q, "veth");
	data = put(&q, IFLA_INFO_DATA | NLA_F_NESTED, NULL, 0);
	peer = put(&q, VETH_INFO_PEER | NLA_F_NESTED, &ifi, sizeof(ifi));
	if (where == IFLA_LINK_NETNSID)
		put_u32(&q, IFLA_TARGET_NETNSID, id);
	end(&q, peer);
	end(&q, data);
	end(&q, info);
	return did(ask(&q) == 0, what, id, 0);
}

static bool macvlan(uint32_t id, unsigned long ifindex)
{
	struct rtattr *info;
	struct req q;

	begin(&q, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 0);
	put_u32(&q, IFLA_LINK, (uint32_t)ifindex);
	put_u32(&q, IFLA_LINK_NETNSID, id);
	info = kind(&q, "macvlan");
	end(&q, info);
	return did(ask(&q) == 0, "macvlan", id, ifindex);
}

static int print_owner(const char *path, bool uid)
{
	cleanup_close int net = open(path, O_RDONLY | O_CLOEXEC), users = net < 0 ? -1 : vn_userns_of(net);
	struct stat st;
	uid_t owner;

	if (users < 0 || fstat(users, &st) < 0 || ioctl(users, NS_GET_OWNER_UID, &owner) < 0) {
		perror(path);
		return 2;
	}
	printf("%lu\n", uid ? (unsigned long)owner : (unsigned long)st.st_ino);
	return 0;
}

int main(int argc, char *argv[])
{
	const bool only_list = argc > 1 && strcmp(argv[1], "--list") == 0;
	const int one = 1;
	bool any = false;

	if (argc == 3 && strncmp(argv[1], "--owner", 7) == 0)
		return print_owner(argv[2], strcmp(argv[1], "--owner-uid") == 0);
	sock = vn_netlink_open(NETLINK_ROUTE, 0, 0, NULL);
	if (sock < 0) {
		fprintf(stderr, "nsid: netlink: %s\n", strerror(-sock));
		return 2;
	}
	/* Without it the kernel leaves an unknown attribute unseen, and lists the devices of this namespace. */
	if (setsockopt(sock, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one)) < 0) {
		perror("nsid: NETLINK_GET_STRICT_CHK");
		return 2;
	}
	for (uint32_t id = 0; id < IDS; id++) {
		any |= list(id);
		if (only_list)
			continue;
		any |= make_veth(id, IFLA_TARGET_NETNSID, "create");
		any |= make_veth(id, IFLA_LINK_NETNSID, "create, linked");
		for (int i = 1; i < argc; i++) {
			any |= macvlan(id, strtoul(argv[i], NULL, 10));
			any |= delete (id, strtoul(argv[i], NULL, 10));
		}
	}
	return any ? 0 : 1;
}
