# SPDX-License-Identifier: GPL-2.0-only
# One Makefile for everything; all it makes is under build/. `make help` lists the targets.
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

B      ?= build
PREFIX ?= /usr/local
CC     ?= gcc
ifeq ($(origin CC),default)
CC     := gcc
endif
CLANG  ?= clang
BPFTOOL ?= bpftool
Q      := $(if $(V),,@)
say     = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

PKGS    := libbpf libxdp libnl-3.0 yaml-0.1 jansson libcap-ng libseccomp libsystemd smartcols
VERSION := 0.1
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wwrite-strings \
	   -Wno-unused-parameter -Wformat=2
WARN    += $(if $(W),-Werror -Wconversion -Wno-sign-conversion) $(if $(DEVELOPER),-Werror)
OPT     ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -DVN_VERSION='"$(VERSION)"' -Iinclude -Iagent -I. -I$(B)/gen
CFLAGS  += -std=gnu17 $(OPT) $(WARN) -fno-strict-aliasing
SAN     := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all)
CFLAGS  += $(SAN)
LDFLAGS += $(SAN)
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS) 2>/dev/null))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs libbpf libnl-3.0 yaml-0.1 jansson libcap-ng libseccomp libsystemd smartcols))$(PKG_LIBS)

# What is built from what: a folder's C files are its objects.
obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
PAUSE_SRC  := agent/runtime/pause.c
AGENT_SRC  := $(filter-out $(PAUSE_SRC),$(wildcard agent/*/*.c agent/*/*/*.c))
LOADER_SRC := $(wildcard loader/*.c maps/*.c)
ENGINE_SRC := $(wildcard engine/*.c)
UNIT_SRC   := $(wildcard selftests/unit/test_*.c selftests/bpf/test_*.c)
FUZZ_SRC   := $(wildcard selftests/fuzz/fuzz_*.c)
PERF_SRC   := $(wildcard selftests/perf/*.c)
TOOL_SRC   := $(wildcard selftests/tools/*.c)
LIBVNET_SRC := $(wildcard lib/*.c)
LINT_SRC   := $(wildcard include/*/*.h lib/*.[ch] maps/*.[ch] bpf/*.[ch] loader/*.[ch] engine/*.[ch] agent/*/*.[ch] \
	      agent/*/*/*.[ch] selftests/*/*.[ch])

AGENT_MAIN  := agent/cli/agent_main.c
ENGINE_MAIN := engine/engine_main.c
LIB_OBJ     := $(call obj,$(filter-out $(AGENT_MAIN),$(AGENT_SRC)) $(LOADER_SRC))
ENGINE_OBJ  := $(call obj,$(filter-out $(ENGINE_MAIN),$(ENGINE_SRC)))

AGENT  := $(B)/vnet-agent
ENGINE := $(B)/vnet-engine
PAUSE  := $(B)/vnet-pause
NODE_RUNC := $(B)/vnet-node-runc
# libvnet's interface has a version of its own: its first number changes when an old program would not run any more.
LIBVNET_VERSION := 1.0
LIBVNET_SONAME := libvnet.so.1
LIBVNET := $(B)/libvnet.so.$(LIBVNET_VERSION)
LIBVNET_A := $(B)/libvnet.a
UNITS  := $(UNIT_SRC:selftests/%.c=$(B)/selftests/%)
FUZZ   := $(FUZZ_SRC:selftests/%.c=$(B)/selftests/%)
PERF   := $(PERF_SRC:selftests/%.c=$(B)/selftests/%)
TOOLS  := $(TOOL_SRC:selftests/%.c=$(B)/selftests/%)

.PHONY: all
all: $(AGENT) $(ENGINE) $(PAUSE) $(NODE_RUNC) $(LIBVNET) $(LIBVNET_A) ## build vnet-agent, vnet-engine, vnet-pause and libvnet (the default)

# What objects depend on beside their sources: written anew only when the words differ (git's GIT-CFLAGS). PREFIX stands
# in one object alone, so that `make install PREFIX=...` builds no more than that.
stamp = @mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(1))' > $@
.PHONY: FORCE
$(B)/flags: FORCE
	$(call stamp,$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS))
$(B)/prefix: FORCE
	$(call stamp,$(PREFIX))
$(call obj,agent/daemon/options.c): private CPPFLAGS += -DVN_LIBEXECDIR='"$(PREFIX)/lib/vnet"'
$(call obj,agent/daemon/options.c): $(B)/prefix

$(B)/obj/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

BPF_CC = $(CLANG) -target bpf -mcpu=v3 -O2 -g -std=gnu17 -Wall -Wextra -Werror -Iinclude -I. \
	-isystem /usr/include/$(shell $(CC) -dumpmachine)
$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(BPF_CC) -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $@

# What virtual machines load with tc.
VM_BPF := $(patsubst %.bpf.c,$(B)/%.bpf.o,$(wildcard selftests/vm/*.bpf.c))
$(B)/selftests/vm/%.bpf.o: selftests/vm/%.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(BPF_CC) -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $@

$(B)/gen/%.skel.h: $(B)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$*)_bpf > $@

$(call obj,$(wildcard loader/*.c) $(wildcard selftests/bpf/*.c)): | $(B)/gen/vnet.skel.h $(B)/gen/afxdp.skel.h $(B)/gen/vf.skel.h $(B)/gen/lost.skel.h

$(AGENT): $(call obj,$(AGENT_MAIN)) $(LIB_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(PKG_LIBS) -lm

$(ENGINE): $(call obj,$(ENGINE_MAIN)) $(ENGINE_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ -lseccomp -lm
	@chmod a+rx $@ # run by a user of its own, whatever this one's umask

# Static, for it runs in any image; so without sanitizers, too.
$(PAUSE): $(PAUSE_SRC)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OPT) $(WARN) -static -s $< -o $@
	@chmod a+rx $@ # run by whatever user a container has

$(NODE_RUNC): # vnet-agent by another name, as engines call it
	$(call say,LN,$@)
	@mkdir -p $(@D)
	$(Q)ln -sf vnet-agent $@

$(call obj,$(LIBVNET_SRC)): private CFLAGS += -fPIC
$(call obj,$(LIBVNET_SRC)): private CPPFLAGS += -DLIBVNET_VERSION='"$(LIBVNET_VERSION)"'

$(LIBVNET): $(call obj,$(LIBVNET_SRC)) lib/libvnet.map
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(LIBVNET_SONAME) -Wl,--version-script=lib/libvnet.map \
		$(if $(SANITIZE),,-Wl,-z,defs) $(filter %.o,$^) -o $@

$(LIBVNET_A): $(call obj,$(LIBVNET_SRC))
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar rcs $@ $^

# A unit test links everything but the two mains.
$(UNITS): $(B)/selftests/%: $(B)/obj/selftests/%.o $(LIB_OBJ) $(ENGINE_OBJ) $(LIBVNET_A)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ -lcmocka $(PKG_LIBS) -lm

$(PERF) $(TOOLS): $(B)/selftests/%: $(B)/obj/selftests/%.o $(LIBVNET_A)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ -lbpf -lpthread -lm

# Parsers under libFuzzer: their sources are compiled a second time, by clang, into one archive that every fuzzer links.
FUZZED_SRC := $(wildcard agent/base/*.c agent/disc/*.c agent/model/*.c agent/file/*.c agent/file/*/*.c) \
	      agent/api/wire.c agent/api/fields.c agent/lease/handover_proto.c $(wildcard agent/runtime/oci_*.c) lib/grant.c
FUZZED     := $(patsubst %.c,$(B)/fuzz/%.o,$(FUZZED_SRC) $(FUZZ_SRC))
FUZZ_A     := $(B)/fuzz/libparsers.a
$(B)/fuzz/%.o: %.c $(B)/flags
	$(call say,FUZZ-CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) -std=gnu17 -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
		-MMD -MP -c $< -o $@

$(FUZZ_A): $(patsubst %.c,$(B)/fuzz/%.o,$(FUZZED_SRC))
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(FUZZ): $(B)/selftests/fuzz/%: $(B)/fuzz/selftests/fuzz/%.o $(FUZZ_A)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined $^ -o $@ -lyaml -ljansson -lm

.PHONY: tests perf-tools
tests: all $(UNITS) $(TOOLS) $(PERF) $(VM_BPF) ## build the tests and their tools
perf-tools: $(PERF)

# The targets below ask for packages first, so that each alone is enough on a fresh machine. What they build is built
# by a second make: this one read its dependencies before the packages were there.
SUBMAKE = $(MAKE) --no-print-directory B=$(B)
.PHONY: setup
setup: ## install missing Debian packages; root only then (PARTS="build run demo containers dpdk tests": all, or some)
	@scripts/setup $(PARTS)

.PHONY: demo
demo: ## show it: the Abilene backbone with its real delays (KEEP=1: leave it running)
	@scripts/setup -q build run demo
	@$(SUBMAKE) all
	@B=$(B) scripts/demo $(if $(KEEP),--keep)

.PHONY: demo-dpdk
demo-dpdk: ## show it with DPDK: two testpmd, unprivileged in containers, across a link that delays and loses
	@scripts/setup -q build run demo dpdk
	@$(SUBMAKE) all
	@B=$(B) scripts/demo-dpdk

# A sanitized agent needs BPF objects and skeletons of its own: another build folder, not another set of flags.
B_SAN ?= $(B)/asan
.PHONY: test
test: ## run every test (TEST=PATTERN: those whose name matches); the last line is the sum
	@scripts/setup -q
	@$(SUBMAKE) -j2 tests
	@$(if $(TEST),$(if $(findstring fuzz,$(TEST)),,true ||)) $(SUBMAKE) -j2 fuzzers || echo "no fuzzers: is libclang-rt-dev installed?"
	@$(if $(TEST),$(if $(findstring asan,$(TEST)),,true ||)) $(SUBMAKE) -j2 B=$(B_SAN) SANITIZE=address,undefined tests
	@B=$(B) B_SAN=$(B_SAN) scripts/test '$(value TEST)'

# KERNEL, FIXTURE and TEST are lists; see scripts/vm/vmtest.
.PHONY: vmtest
vmtest: ## selftests in virtual machines (KERNEL=newest,6.12,6.1,IMAGE FIXTURE=virtio,virtio-copy,igb,veth TEST=PATTERN)
	@scripts/setup -q
	@$(SUBMAKE) -j2 tests
	@B=$(B) KERNEL='$(KERNEL)' FIXTURE='$(FIXTURE)' TEST='$(value TEST)' scripts/vm/vmtest

.PHONY: bench
bench: ## measure everything that is promised, each figure beside its baseline (BENCH=PATTERN, OUT=FILE.md)
	@scripts/setup -q build run demo
	@$(SUBMAKE) -j2 all perf-tools
	@B=$(B) selftests/perf/bench $(if $(OUT),-o '$(OUT)') '$(BENCH)'

FUZZ_SECONDS ?= 60
.PHONY: fuzz fuzzers
fuzzers: $(FUZZ)
fuzz: fuzzers ## each parser under libFuzzer for a minute (FUZZ_SECONDS=N)
	@B=$(B) B_SAN=/nonexistent FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/test '^fuzz/'

.PHONY: check
check: ## all that needs no root, in two minutes: unit tests, golden files, lint, parsers (DEVELOPER=1: warnings are errors)
	@$(SUBMAKE) -j2 tests
	@$(SUBMAKE) -j2 fuzzers || echo "no fuzzers: is libclang-rt-dev installed?"
	@B=$(B) FUZZ_SECONDS=1 scripts/test --rootless

# Not by a date: a checkout has none. The description stands between the two lines of backticks.
.PHONY: docs/PROTOCOL.md
docs/PROTOCOL.md: $(AGENT)
	@$(AGENT) protocol >$(B)/protocol.txt
	@sed -i -e '/^```varlink$$/,/^```$$/{/^```/!d}' -e '/^```varlink$$/r $(B)/protocol.txt' $@

.PHONY: lint
lint: ## layers, banned functions, licences, layout, shell scripts, man pages
	@selftests/lint/lint.sh

# ---- installing ----
sbindir     = $(DESTDIR)$(PREFIX)/sbin
libexecdir  = $(DESTDIR)$(PREFIX)/lib/vnet
mandir      = $(DESTDIR)$(PREFIX)/share/man
docdir      = $(DESTDIR)$(PREFIX)/share/doc/vnet-agent
libdir      = $(DESTDIR)$(PREFIX)/lib
incdir      = $(DESTDIR)$(PREFIX)/include/vnet
compdir     = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
unitdir     = $(DESTDIR)$(PREFIX)/lib/systemd/system
MAN        := $(wildcard docs/man/*.[1-8])
DOCS       := $(wildcard docs/*.md docs/*.svg)
EXAMPLES   := $(wildcard examples/*.yaml)
DPDK_EXAMPLES := $(wildcard examples/dpdk/*)
CONTAINER_EXAMPLES := $(wildcard examples/containers/*)
LIB_EXAMPLES := $(wildcard $(addprefix examples/libvnet/,*.c *.h Makefile README.md))
man_path    = $(mandir)/man$(patsubst .%,%,$(suffix $(1)))/$(notdir $(1))

.PHONY: install
install: all ## install under PREFIX (default /usr/local), below DESTDIR
	install -D -m 755 $(AGENT) $(sbindir)/vnet-agent
	ln -sf vnet-agent $(sbindir)/vnet-cni
	ln -sf vnet-agent $(sbindir)/vnet-runc
	ln -sf vnet-agent $(sbindir)/vnet-node-runc
	install -D -m 755 $(ENGINE) $(libexecdir)/vnet-engine
	install -D -m 755 $(PAUSE) $(libexecdir)/vnet-pause
	$(foreach m,$(MAN),install -D -m 644 $(m) $(call man_path,$(m)) &&) true
	install -d $(docdir)/examples
	install -m 644 $(DOCS) $(docdir)/
	$(if $(EXAMPLES),install -m 644 $(EXAMPLES) $(docdir)/examples/)
	$(if $(DPDK_EXAMPLES),install -d $(docdir)/examples/dpdk && install -m 644 $(DPDK_EXAMPLES) $(docdir)/examples/dpdk/)
	install -d $(docdir)/examples/containers
	install -m 644 $(CONTAINER_EXAMPLES) $(docdir)/examples/containers/
	install -D -m 755 $(LIBVNET) $(libdir)/$(notdir $(LIBVNET))
	ln -sf $(notdir $(LIBVNET)) $(libdir)/$(LIBVNET_SONAME)
	ln -sf $(LIBVNET_SONAME) $(libdir)/libvnet.so
	install -m 644 $(LIBVNET_A) $(libdir)/libvnet.a
	install -D -m 644 include/vnet/vnet.h $(incdir)/vnet.h
	install -d $(libdir)/pkgconfig
	sed -e 's|@prefix@|$(PREFIX)|g' -e 's|@version@|$(LIBVNET_VERSION)|g' lib/libvnet.pc.in > $(libdir)/pkgconfig/libvnet.pc
	chmod 644 $(libdir)/pkgconfig/libvnet.pc
	install -d $(docdir)/examples/libvnet
	install -m 644 $(LIB_EXAMPLES) $(docdir)/examples/libvnet/
	install -D -m 644 scripts/completion/vnet-agent $(compdir)/vnet-agent
	install -d $(unitdir)
	sed -e 's|@sbindir@|$(PREFIX)/sbin|g' -e 's|@libexecdir@|$(PREFIX)/lib/vnet|g' \
		scripts/vnet-agent.service.in > $(unitdir)/vnet-agent.service
	sed -e 's|@sbindir@|$(PREFIX)/sbin|g' scripts/vnet-topologies.service.in > $(unitdir)/vnet-topologies.service
	chmod 644 $(unitdir)/vnet-agent.service $(unitdir)/vnet-topologies.service

.PHONY: uninstall
uninstall: ## remove what install put there
	rm -f $(sbindir)/vnet-agent $(sbindir)/vnet-cni $(sbindir)/vnet-runc $(sbindir)/vnet-node-runc \
		$(compdir)/vnet-agent
	rm -f $(unitdir)/vnet-agent.service $(unitdir)/vnet-topologies.service
	rm -f $(libdir)/libvnet.a $(libdir)/libvnet.so $(libdir)/$(LIBVNET_SONAME) $(libdir)/$(notdir $(LIBVNET))
	rm -f $(libdir)/pkgconfig/libvnet.pc
	rm -rf $(incdir)
	rm -f $(foreach m,$(MAN),$(call man_path,$(m)))
	rm -rf $(libexecdir) $(docdir)

.PHONY: help
help: ## this list
	@printf 'make TARGET [V=1] [W=1] [B=build] [SANITIZE=address,undefined] [PREFIX=/usr/local] [DESTDIR=]\n\n'
	@sed -nE 's/^([a-z][a-z-]*)( [a-z$$()A-Z-]+)*:.*## (.*)/  \1\t\3/p' Makefile | expand -t 14

.PHONY: clean
clean: ## remove build/
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
