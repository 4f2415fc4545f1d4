// SPDX-License-Identifier: GPL-2.0-only
/*
 * vnet-engine: holds the frames of disciplined links and releases them at their time.
 *
 * The daemon starts it with everything it needs already open (include/base/engine_args.h); it binds the socket, gives
 * up every right it has, and loops until SIGTERM.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>

#include <abi/abi_arena.h>
#include <base/engine_args.h>
#include <base/util.h>

#include "engine/bulk.h"
#include "engine/loop.h"
#include "engine/sandbox.h"

#define SLAB_BYTES_DEFAULT (1ULL << 30)
#define SLAB_BYTES_MIN     (1ULL << 20)
#define FULL_FRAME_BYTES   (1514u + 4u) /* MTU 1500, with the slot's tag */
#define FIFO_PRIORITY      10

struct options {
	struct vn_xio_args xio;
	uint32_t index, max_ports;
	uint64_t slab_bytes;
	bool allow_root, bulk, spin;
};

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	stop = 1;
}

static int fail(const char *what, int err)
{
	fprintf(stderr, "vnet-engine: %s: %s\n", what, strerror(-err));
	return 1;
}

static bool parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
	unsigned long long v;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || *end || v > max)
		return false;
	*ret_number = v;
	return true;
}

static bool parse_options(int argc, char **argv, struct options *o)
{
	enum { INDEX = 1, IFINDEX, CHUNKS, CHUNK_SIZE, MAX_PORTS, SLAB_BYTES, SG, BULK, SPIN, ALLOW_ROOT, N_OPTIONS };
	static const struct option known[] = {{"index", required_argument, NULL, INDEX},
					      {"ifindex", required_argument, NULL, IFINDEX},
					      {"chunks", required_argument, NULL, CHUNKS},
					      {"chunk-size", required_argument, NULL, CHUNK_SIZE},
					      {"max-ports", required_argument, NULL, MAX_PORTS},
					      {"slab-bytes", required_argument, NULL, SLAB_BYTES},
					      {"sg", no_argument, NULL, SG},
					      {"bulk", no_argument, NULL, BULK},
					      {"spin", no_argument, NULL, SPIN},
					      {"allow-root", no_argument, NULL, ALLOW_ROOT},
					      {0}};
	static const uint64_t max[N_OPTIONS] = {
		[INDEX] = VN_ENGINES_MAX - 1, [IFINDEX] = INT32_MAX, [CHUNKS] = 1 << 22,
		[CHUNK_SIZE] = 4096,          [MAX_PORTS] = 65536,   [SLAB_BYTES] = 1ULL << 37};
	uint64_t v[N_OPTIONS] = {0};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c < 1 || c >= N_OPTIONS)
			return false;
		if (max[c] && !parse_number(optarg, max[c], &v[c])) {
			fprintf(stderr, "vnet-engine: --%s: '%s' is not a number up to %" PRIu64 "\n",
				known[c - 1].name, optarg, max[c]);
			return false;
		}
		o->xio.sg |= c == SG;
		o->bulk |= c == BULK;
		o->spin |= c == SPIN;
		o->allow_root |= c == ALLOW_ROOT;
	}
	o->index = (uint32_t)v[INDEX];
	o->max_ports = (uint32_t)v[MAX_PORTS];
	o->slab_bytes = v[SLAB_BYTES];
	o->xio.fd = VN_ENGINE_FD_XSK;
	o->xio.umem_fd = VN_ENGINE_FD_UMEM;
	o->xio.ifindex = (uint32_t)v[IFINDEX];
	o->xio.chunks = (uint32_t)v[CHUNKS];
	o->xio.chunk_size = (uint32_t)v[CHUNK_SIZE];
	if (optind != argc || !o->xio.ifindex || o->max_ports < 2 ||
	    (!o->bulk && (!o->xio.chunks || !o->xio.chunk_size))) {
		fputs("vnet-engine: started by vnet-agent, not by hand; needs --index --ifindex --max-ports, and "
		      "--bulk or --chunks --chunk-size\n",
		      stderr);
		return false;
	}
	return true;
}

/* A quarter of the machine's memory, at most 1 GiB; pages are taken only as frames need them. */
static uint64_t default_slab_bytes(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	if (pages <= 0 || page <= 0)
		return SLAB_BYTES_DEFAULT / 4;
	return VN_MAX(VN_MIN((uint64_t)pages / 4 * (uint64_t)page, SLAB_BYTES_DEFAULT), SLAB_BYTES_MIN);
}

/* Where the kernel promises no more memory than there is (vm.overcommit_memory 2), less has to do. */
static int init_hold(struct vn_loop *l, const struct options *o)
{
	uint64_t bytes = o->slab_bytes ? o->slab_bytes : default_slab_bytes();
	int r;

	do {
		r = vn_hold_init(&l->hold, o->max_ports, bytes);
		bytes /= 2;
	} while (r == -ENOMEM && bytes >= SLAB_BYTES_MIN);
	return r;
}

/* An array map of @n elements; the kernel maps whole pages. */
static int map_array(int fd, size_t element, size_t n, bool writable, void *ret_pp)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len = (element * n + page - 1) / page * page;
	void *p = mmap(NULL, len, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	*(void **)ret_pp = p;
	return 0;
}

static int map_shared(struct vn_loop *l, const struct options *o)
{
	struct vn_engine *engines = NULL;
	int r;

	l->index = o->index;
	l->max_ports = o->max_ports;
	r = map_array(VN_ENGINE_FD_ARENA, VN_ARENA_BYTES, 1, false, &l->env.arena);
	if (r == 0)
		r = map_array(VN_ENGINE_FD_DISC, sizeof(*l->disc), o->max_ports, false, &l->disc);
	if (r == 0)
		r = map_array(VN_ENGINE_FD_DIR, sizeof(*l->dir), o->max_ports, true, &l->dir);
	if (r == 0)
		r = map_array(VN_ENGINE_FD_ENGINE, sizeof(*engines), VN_ENGINES_MAX, true, &engines);
	if (r < 0)
		return r;
	l->status = &engines[o->index];
	return r;
}

static void init_status(struct vn_loop *l)
{
	struct vn_engine *e = l->status;

	memset(e, 0, sizeof(*e));
	e->pid = (uint32_t)getpid();
	e->abi = VN_ENGINE_ABI;
	e->fifo = l->fifo;
	e->slab_max_bytes = (uint64_t)l->hold.slab.n_spans * VN_SLAB_SPAN_BYTES;
	e->lane_max_bytes = l->hold.lane_bytes_max;
	e->frame_bytes = vn_slab_class_bytes((unsigned int)vn_slab_class(sizeof(struct vn_frame) + FULL_FRAME_BYTES));
	e->start_ns = vn_now_ns();
}

/* The loop looks at the flag at each turn, and none is longer than its longest sleep: no need for masks. */
static void set_signals(void)
{
	const struct sigaction sa = {.sa_handler = on_term};

	sigaction(SIGTERM, &sa, NULL);
	/* A terminal's interrupt is meant for the daemon, which decides. */
	signal(SIGINT, SIG_IGN);
}

#ifdef __SANITIZE_ADDRESS__
/* LeakSanitizer traces the process from a clone of it, which the confinement forbids. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

int main(int argc, char **argv)
{
	static struct vn_loop loop;
	struct options o = {0};
	int r;

	if (!parse_options(argc, argv, &o))
		return 2;
	if (geteuid() == 0 && !o.allow_root) {
		fputs("vnet-engine: does not run as root (for tests: --allow-root)\n", stderr);
		return 2;
	}
	set_signals();
	vn_sandbox_prepare();
	vn_dist_init_set(&loop.dist);
	loop.env = vn_disc_env_of(&loop.dist, NULL);
	r = map_shared(&loop, &o);
	if (r < 0)
		return fail("mapping the maps", r);
	r = init_hold(&loop, &o);
	if (r < 0)
		return fail("memory for held frames", r);
	loop.fifo = vn_sandbox_fifo(FIFO_PRIORITY);
	loop.spin = o.spin;
	loop.rests = loop.fifo && !(o.spin && vn_sandbox_unthrottled());
	init_status(&loop);
	r = vn_own_init(&loop.own, loop.disc, loop.dir, loop.index, loop.max_ports);
	if (r == 0)
		r = vn_loop_move_init(&loop);
	if (r < 0)
		return fail("memory", r);
	loop.own.holder = o.bulk ? VN_HOLDER_BULK : VN_HOLDER_PRECISE;
	vn_own_adopt(&loop.own);
	r = o.bulk ? vn_bulk_open(&loop, VN_ENGINE_FD_XSK) : vn_xio_open(&loop.io, &o.xio);
	if (r < 0)
		return fail("binding to the engine port", r);
	loop.ops = o.bulk ? &vn_bulk_ops : &vn_xsk_ops;
	loop.status->stamp_ifindex = o.bulk ? o.xio.ifindex : 0;
	r = vn_sandbox_enter(VN_ENGINE_FD_XSK, o.bulk);
	if (r < 0)
		return fail("confinement", r);
	r = vn_loop_run(&loop, &stop);
	vn_loop_move_end(&loop);
	/* The ports see it at once, and not only when the heartbeat has grown old. */
	vn_stat_set(&loop.status->heartbeat_ns, 0);
	return r < 0 ? fail("engine port lost", r) : 0;
}
