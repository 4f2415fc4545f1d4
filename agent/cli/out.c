/* SPDX-License-Identifier: GPL-2.0-only */
/* Input and output of the commands: files, JSON, colours, figures for people. */
#include "cli/cli.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

#include <base/util.h>

#include "model/model.h"
#include "model/topo.h"

#define READ_STEP 65536u

int vn_cli_connect(const struct vn_cli *cli, bool observe, struct vn_client *ret_c, struct vn_err *err)
{
	const struct timespec pause = {.tv_nsec = 10 * VN_NSEC_PER_MSEC};
	const uint64_t since = vn_now_ns();
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", cli->runtime_dir, VN_SOCK_CONTROL);
	for (;;) {
		bool look = observe && access(path, R_OK | W_OK) < 0 && errno == EACCES;
		struct vn_err why = {0};
		int r = vn_client_open(cli->runtime_dir, look, ret_c, &why);

		if (r == 0)
			return 0;
		if (why.exit != VN_EXIT_NO_AGENT || cli->no_wait || !vn_client_may_start(cli->runtime_dir, since))
			return vn_err(err, why.exit, why.err, "%s", why.text);
		nanosleep(&pause, NULL);
	}
}

int vn_cli_call(const struct vn_cli *cli, bool observe, const char *method, json_t *parameters, json_t **ret_reply,
		struct vn_err *err)
{
	struct vn_client c = {.fd = -EBADF};
	int r = vn_cli_connect(cli, observe, &c, err);

	if (r == 0)
		r = vn_client_call(&c, method, parameters, ret_reply, err);
	vn_client_release(&c);
	json_decref(parameters);
	return r;
}

int vn_cli_print_json(const struct vn_cli *cli, const json_t *o, struct vn_err *err)
{
	if (json_dumpf(o, stdout, cli->pretty ? JSON_INDENT(2) : JSON_COMPACT) < 0 || putchar('\n') == EOF)
		return vn_err(err, VN_EXIT_KERNEL, EIO, "standard output: write error");
	return 0;
}

const char *vn_json_str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

uint64_t vn_json_u64(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

bool vn_json_bool(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

const char *vn_plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

void vn_cli_say_none(const json_t *list, const char *what)
{
	if (json_array_size(list) == 0)
		fprintf(stderr, "no %s runs\n", what);
}

static int read_all(int fd, const char *path, size_t max, char **ret_text, size_t *ret_len, struct vn_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0, size = 0;

	for (;;) {
		ssize_t n;

		if (size - len < READ_STEP) {
			char *more;

			size = VN_MAX(size * 2, (size_t)READ_STEP * 2);
			more = realloc(text, size);
			if (!more)
				return vn_err_kernel(err, ENOMEM, "%s: out of memory", path);
			text = more;
		}
		n = read(fd, text + len, size - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vn_err_usage(err, "%s: %s", path, strerror(errno));
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return vn_err_usage(err, "%s: longer than %zu MiB, the most a topology file may have", path,
					    max >> 20);
	}
	text[len] = 0;
	*ret_text = take_ptr(text);
	*ret_len = len;
	return 0;
}

int vn_cli_read_file(const char *path, size_t max, char **ret_text, size_t *ret_len, struct vn_err *err)
{
	cleanup_close int fd = -EBADF;

	if (strcmp(path, "-") == 0)
		return read_all(STDIN_FILENO, "standard input", max, ret_text, ret_len, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return vn_err_usage(err, "%s: %s", path, strerror(errno));
	return read_all(fd, path, max, ret_text, ret_len, err);
}

int vn_cli_output_open(const char *path, FILE **ret_f, struct vn_err *err)
{
	FILE *f = path && strcmp(path, "-") != 0 ? fopen(path, "we") : stdout;

	if (!f)
		return vn_err_usage(err, "%s: %s", path, strerror(errno));
	*ret_f = f;
	return 0;
}

int vn_cli_output_close(const char *path, FILE *f, struct vn_err *err)
{
	bool failed = ferror(f) != 0;
	int r;

	errno = 0;
	failed |= (f == stdout ? fflush(f) : fclose(f)) != 0;
	r = errno ? errno : EIO;
	return failed ? vn_err_kernel(err, r, "%s: %s", f == stdout ? "standard output" : path, strerror(r)) : 0;
}

static bool errors_as_json;

void vn_cli_errors_as_json(bool on)
{
	errors_as_json = on;
}

/* false: the text is no UTF-8 */
static bool say_error_as_json(const struct vn_err *err)
{
	json_t *o =
		json_pack("{s:{s:s, s:i, s:i}}", "error", "text", err->text, "exit", (int)err->exit, "errno", err->err);
	bool said = o && json_dumpf(o, stderr, JSON_COMPACT) == 0;

	json_decref(o);
	if (said)
		fputc('\n', stderr);
	return said;
}

void vn_cli_say_error(struct vn_err *err)
{
	if (errors_as_json && say_error_as_json(err))
		return;
	for (char *p = err->text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	fprintf(stderr, "vnet-agent: %s\n", err->text);
}

/* All that is wrong, a line each, in the order of the file; the last one is left to @err, which the caller prints. */
static void say_errors(const char *file, const struct vn_topo_errs *errs, struct vn_err *err)
{
	const struct vn_topo_err_at *last = &errs->at[errs->n - 1];

	for (size_t i = 0; i + 1 < errs->n + (errs->dropped != 0); i++) {
		struct vn_err one = {0};

		vn_err_usage(&one, "%s:%u:%u: %s", file, errs->at[i].line, errs->at[i].column, errs->at[i].text);
		vn_cli_say_error(&one);
	}
	*err = (struct vn_err){0};
	if (errs->dropped)
		vn_err_usage(err, "%s: %zu more errors: mend these first", file, errs->dropped);
	else
		vn_err_usage(err, "%s:%u:%u: %s", file, last->line, last->column, last->text);
}

int vn_cli_load_topo(const char *path, struct vn_topo **ret_topo, char **ret_text, size_t *ret_len, struct vn_err *err)
{
	cleanup_free struct vn_topo_errs *errs = NULL;
	cleanup_free char *text = NULL;
	const char *file;
	size_t len;
	int r = vn_cli_read_file(path, VN_TOPO_FILE_MAX, &text, &len, err);

	if (r < 0)
		return r;
	errs = calloc(1, sizeof(*errs));
	if (!errs)
		return -ENOMEM;
	file = strcmp(path, "-") == 0 ? "stdin" : path;
	r = vn_topo_parse_all(file, text, len, ret_topo, errs, err);
	if (r < 0 && errs->n > 1)
		say_errors(file, errs, err);
	if (r < 0)
		return r;
	if (ret_text) {
		*ret_text = take_ptr(text);
		*ret_len = len;
	}
	return 0;
}

bool vn_cli_is_name(const char *arg)
{
	return vn_name_valid(arg);
}

bool vn_cli_colour(FILE *f)
{
	static signed char cached[2] = {-1, -1};
	signed char *c = &cached[f == stderr];

	if (*c < 0) {
		const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

		*c = isatty(fileno(f)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
	}
	return *c && (f == stdout || f == stderr);
}

size_t vn_cli_columns(FILE *f)
{
	struct winsize size = {0};

	return isatty(fileno(f)) && ioctl(fileno(f), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

const char *vn_colour_on(FILE *f, enum vn_colour c)
{
	static const char *const codes[] = {
		[VN_PLAIN] = "",       [VN_GOOD] = "\033[32m", [VN_WARN] = "\033[33m",
		[VN_BAD] = "\033[31m", [VN_HEAD] = "\033[1m",
	};

	return vn_cli_colour(f) ? codes[c] : "";
}

const char *vn_colour_off(FILE *f, enum vn_colour c)
{
	return c != VN_PLAIN && vn_cli_colour(f) ? "\033[0m" : "";
}

/* Three digits that matter, in the largest unit that keeps the figure at 1 or more. */
static const char *human(char *buf, uint64_t value, uint64_t step, const char *const *units, size_t n_units)
{
	double v = (double)value;
	size_t u = 0;

	/* 999.5 would print as "1e+03" or "1000" of the smaller unit. */
	while (u + 1 < n_units && v >= (double)step * 0.9995) {
		v /= (double)step;
		u++;
	}
	if (u == 0)
		snprintf(buf, VN_HUMAN_BUF, "%llu%s", (unsigned long long)value, units[0]);
	else
		snprintf(buf, VN_HUMAN_BUF, "%.*f%s", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, units[u]);
	return buf;
}

const char *vn_human_bytes(char *buf, uint64_t bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};

	return human(buf, bytes, 1000, units, VN_ARRAY_SIZE(units));
}

const char *vn_human_time(char *buf, uint64_t ns)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};

	return human(buf, ns, 1000, units, VN_ARRAY_SIZE(units));
}
