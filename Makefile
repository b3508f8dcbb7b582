# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Build, test and install weir.
#
# Targets
#   all            the command, the library (static and shared), the .pc file
#   install        install all of it below DESTDIR
#   uninstall      remove exactly what install puts there
#   check          the fast suite: tests/cli, tests/copy, tests/sync, tests/fault,
#                  tests/unit, and the committed inputs of tests/fuzz
#   check-plain    the same suite with io_uring off
#   check-tiny     the same suite with every budget at its minimum
#   check-asan     the same suite under the address and undefined behaviour sanitizers
#   check-ubsan    the same suite under the undefined behaviour sanitizer alone
#   check-tsan     unit programs, copy and sync under the thread sanitizer
#   check-valgrind unit programs, some of copy and sync under valgrind, with plain calls
#   check-root     tests/root, and copy and sync on each kind of file system (root)
#   check-crash    what a disk may hold at a power cut, by a model: states are built and
#                  judged by hundreds of thousands (SIZE=full), or for a minute
#   check-faults   each operation and each allocation fails, each moment is the last one
#   check-powercut the power goes before each operation, on real file systems (root)
#   check-flushes  it goes at each flush of a device, and what was not flushed is lost (root)
#   check-install  install, build tests/api against it, run, uninstall
#   fuzz           each target of tests/fuzz for a while, with clang's libFuzzer
#   lint           the style and consistency checks of tests/lint
#   analyze        static analysers: gcc -fanalyzer, clang-tidy, cppcheck (minutes)
#   bench          measure weir against its peers (tests/bench)
#   completions    write completions/ again from the option table
#   dist           build/weir-VERSION.tar.gz
#   distcheck      unpack that, build and test it from a read-only tree
#   clean          remove the build folder
#   help           this text
#
# Knobs
#   V=1            show the commands
#   D=VARIANT      release (default), dev (-Werror), asan, ubsan, tsan, fuzz (clang),
#                  fault (traces operations), tiny (smallest budgets)
#   O=DIR          the build folder (default: build)
#   CC CPPFLAGS CFLAGS LDFLAGS LDLIBS AR PKG_CONFIG
#                  the usual ones; flags come after the Makefile's own
#   DESTDIR        staging folder, put in front of every installed path
#   prefix exec_prefix bindir libdir libexecdir includedir datadir mandir
#   pkgconfigdir bashcompdir zshcompdir fishcompdir
#                  where things are installed (default prefix: /usr/local)
#   SELINUX=WHEN   labels for new names through libselinux: auto (default: if
#                  pkg-config finds it), yes, no
#   RPATH=         install a command without a run path; the default is one
#                  from bindir to libdir if the loader does not look there
#   WEIR=FILE      check an installed command instead of the one built here
#   TESTS=...      check: only these files or folders of tests/
#   FILTER=REGEX   check: only tests whose name matches
#   JOBS=N         check: test files run at a time (default: two for each processor)
#   TEST_SIZE=full check: what is about large numbers and chance in its full size
#   SIZE=N|full    check-crash: N hundred workloads (default: 1), or all; PART=K/N: every
#                  N-th of them from K on
#   ANALYZE=...    analyze: only these tools and files, such as "gcc lib/run.c"
#   SAMPLE=N SEED=N  check-faults, check-powercut, check-flushes: one case in N, and which
#   CASES=...      check-flushes: only these, such as "xfs:group:auto 'ext4:*:plain'"
#   CHECK_PINNED=1 check: the skipped tests must be those of tests/skips/
#   FUZZ_TARGETS=...  fuzz: only these targets, such as "filter escape"
#   FUZZ_SECONDS=N fuzz: how long each one runs (default: 20)
#   FUZZ_RUNS=N    fuzz: how many inputs each one runs at most
#   FUZZ_WORK=DIR  fuzz: where inputs and findings are kept (default: $(O)/fuzz-work)
#
# Objects of a variant go to $(O)/VARIANT, or $(O)/VARIANT-COMPILER where CC is
# not the default.  Nothing here runs what it built but the check targets,
# lint, bench and completions.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# --- Where things are -------------------------------------------------------

D := $(if $(D),$(D),release)
O := $(if $(O),$(O),build)
SELINUX := $(if $(SELINUX),$(SELINUX),auto)
variants := release dev asan ubsan tsan fault tiny fuzz
ifeq ($(filter $(variants),$(D)),)
$(error D=$(D): no such variant, there are: $(variants))
endif

AR ?= ar
OBJCOPY ?= objcopy
PKG_CONFIG ?= pkg-config
INSTALL ?= install
LDCONFIG ?= ldconfig

empty :=
comma := ,
space := $(empty) $(empty)
compiler := $(subst $(space),-,$(strip $(notdir $(CC))))
flavour := $(if $(filter-out cc gcc,$(compiler)),-$(compiler))
B := $(O)/$(D)$(flavour)

prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
libdir ?= $(exec_prefix)/lib
libexecdir ?= $(exec_prefix)/libexec
includedir ?= $(prefix)/include
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man
pkgconfigdir ?= $(libdir)/pkgconfig
bashcompdir ?= $(datadir)/bash-completion/completions
zshcompdir ?= $(datadir)/zsh/site-functions
fishcompdir ?= $(datadir)/fish/vendor_completions.d

# The first line of NEWS is the only place that holds the version.
VERSION := $(shell awk 'NR == 1 { print $$2 }' NEWS)
version_parts := $(subst ., ,$(VERSION))
ifneq ($(words $(version_parts)),3)
$(error the first line of NEWS is not "weir MAJOR.MINOR.PATCH")
endif
# Until 1.0 every minor release may change the ABI.
major := $(word 1,$(version_parts))
soversion := $(major)$(if $(filter 0,$(major)),.$(word 2,$(version_parts)))
shared := libweir.so.$(soversion)

lib_sources := $(sort $(wildcard lib/*.c))
cmd_sources := $(sort $(wildcard cmd/*.c))
unit_sources := $(sort $(wildcard tests/unit/*.c))
# They are loaded into programs.
preload_sources := tests/tools/escape.c tests/tools/libselinux.c tests/tools/nomem.c
tool_sources := $(sort $(filter-out $(preload_sources),$(wildcard tests/tools/*.c)))
fuzz_sources := $(sort $(filter-out tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c)))

lib_objects := $(lib_sources:%.c=$(B)/%.o)
cmd_objects := $(cmd_sources:%.c=$(B)/%.o)
unit_programs := $(unit_sources:tests/unit/%.c=$(B)/unit/%)
fuzz_programs := $(fuzz_sources:tests/fuzz/%.c=$(B)/fuzz/%)
tool_programs = $(tool_sources:tests/tools/%.c=$(B)/tools/%)
tool_escape := $(B)/tools/libescape.so
tool_selinux := $(B)/tools/libselinux.so.1
tool_nomem := $(B)/tools/libnomem.so
tool_preloads := $(tool_escape) $(tool_selinux) $(tool_nomem)

# --- Flags ------------------------------------------------------------------

ifeq ($(V),1)
Q :=
say :=
else
Q := @
say = $(if $(findstring s,$(firstword -$(MAKEFLAGS))),,$(announce))
announce = @printf '  %-8s %s\n' '$(1)' '$(2)';
endif

# Goals that compile nothing need no library.
debian_packages := liburing-dev libblkid-dev libxxhash-dev
compiling := $(filter-out help clean dist uninstall,$(or $(MAKECMDGOALS),all))
ifneq ($(compiling),)
ifeq ($(origin DEPS_LIBS),undefined)
ifeq ($(shell command -v $(firstword $(PKG_CONFIG)) 2>/dev/null),)
$(error $(PKG_CONFIG) was not found; on Debian: apt-get install pkg-config $(debian_packages))
endif
needed := liburing blkid libxxhash
missing := $(shell $(PKG_CONFIG) --exists --print-errors 'liburing >= 2.3' blkid \
	'libxxhash >= 0.8.0' 2>&1 || echo '($(PKG_CONFIG) failed)')
ifneq ($(missing),)
$(error weir needs liburing 2.3 or later, libblkid and libxxhash 0.8 or later; on Debian: \
	apt-get install $(debian_packages).  $(missing))
endif
DEPS_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(needed))
DEPS_LIBS := $(shell $(PKG_CONFIG) --libs $(needed))
endif
# Only the header of libselinux is needed: the library is loaded when a run finds
# SELinux on.
ifneq ($(filter-out auto yes no,$(SELINUX)),)
$(error SELINUX=$(SELINUX): it is auto, yes or no)
endif
have_selinux := $(if $(filter-out no,$(SELINUX)),$(shell \
	$(PKG_CONFIG) --exists 'libselinux >= 2.5' 2>/dev/null && echo yes))
ifeq ($(SELINUX)$(have_selinux),yes)
$(error SELINUX=yes needs libselinux 2.5 or later; on Debian: apt-get install libselinux1-dev)
endif
ifeq ($(have_selinux),yes)
SELINUX_CFLAGS := -DWEIR_SELINUX $(shell $(PKG_CONFIG) --cflags libselinux)
SELINUX_LIBS := -ldl
endif
machine := $(shell $(CC) -dumpmachine 2>/dev/null)
# Only tests use libfuse.  Where it is not, one tool is not built, and the tests
# that need it skip.
ifeq ($(shell $(PKG_CONFIG) --exists fuse3 2>/dev/null && echo yes),yes)
FUSE_CFLAGS := $(shell $(PKG_CONFIG) --cflags fuse3)
FUSE_LIBS := $(shell $(PKG_CONFIG) --libs fuse3)
else
tool_sources := $(filter-out tests/tools/fusefs.c,$(tool_sources))
endif
endif

warnings := -Wall -Wextra -Wshadow -Wconversion
# What ships is held to more than what tests it.
strict := -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla

# A distribution that sets its own level, or -O0, must not meet ours.
fortify := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
ifneq ($(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS))$(filter -O0,$(CFLAGS)),)
fortify :=
endif
harden := -fstack-protector-strong
harden += $(if $(filter x86_64-%,$(machine)),-fstack-clash-protection -fcf-protection)
harden_link := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack

cppflags_release := $(fortify)
cflags_release := -O2 -g $(harden)
ldflags_release := $(harden_link) -Wl,-z,defs
cflags_dev := -O1 -g -Werror
ldflags_dev := -Wl,-z,defs
cflags_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined
cflags_ubsan := -O1 -g -fno-omit-frame-pointer -fsanitize=undefined -fno-sanitize-recover=all
# Whose races are looked for runs by threads, however small it is.
cppflags_tsan := -DWEIR_THREADED
cflags_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
cppflags_fault := -DWEIR_FAULT_BUILD
cflags_fault := -O1 -g
ldflags_fault := -Wl,-z,defs
cppflags_tiny := -DWEIR_TINY
cflags_tiny := -O1 -g
ldflags_tiny := -Wl,-z,defs
# What is measured by blocks has the smallest ones, so that short inputs fill many; a few
# jobs have an order.  What fails, and when, is a part of inputs.
cppflags_fuzz := -DWEIR_TINY=4 -DWEIR_FAULT_BUILD
cflags_fuzz := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=undefined \
	-fsanitize=fuzzer-no-link,address,undefined

# _GNU_SOURCE is empty so that a file may also define it for itself.
#
# lib/ must be in no search path, neither by -I nor by -iquote: lib/limits.h
# would hide the system's <limits.h>.  Its files find each other in their own
# folder.  All others find weir.h, alone, in $(B)/include.
all_cppflags = -D_GNU_SOURCE= -D_FILE_OFFSET_BITS=64 -DWEIR_VERSION='"$(VERSION)"' \
	$(cppflags_$(D)) $(DEPS_CFLAGS) $(SELINUX_CFLAGS) $(CPPFLAGS)
all_cflags = -std=gnu11 -pthread $(warnings) $(cflags_$(D)) $(CFLAGS)
all_ldflags = -Wl,--as-needed $(ldflags_$(D)) $(LDFLAGS)
compile = $(CC) $(all_cppflags) -MMD -MP -MF $(@:%.o=%.d)
link = $(CC) $(all_cflags) $(all_ldflags)

# --- Build ------------------------------------------------------------------

.PHONY: all command tests-built FORCE
all: command $(B)/libweir.a $(B)/libweir.so $(B)/installed/weir $(B)/installed/weir.pc

command: $(B)/weir

# A stamp changes only when what it holds does; what depends on it follows.
quote = '$(subst ','\'',$(1))'
store = @mkdir -p $(@D); printf '%s\n' $(call quote,$(1)) >$@.new; \
	if cmp -s $@.new $@; then rm -f $@.new; else mv -f $@.new $@; fi

$(B)/.compile: FORCE
	$(call store,$(CC) $(all_cppflags) $(all_cflags))
$(B)/.link: FORCE
	$(call store,$(link) $(LDLIBS) $(shared) $(lib_objects) $(cmd_objects))
$(B)/.place: FORCE
	$(call store,$(RPATH) $(prefix) $(exec_prefix) $(libdir) $(includedir) $(VERSION) \
		$(SELINUX_LIBS))

$(B)/include/weir.h: lib/weir.h
	@mkdir -p $(@D)
	$(Q)cp $< $@

$(lib_objects): $(B)/%.o: %.c $(B)/.compile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(compile) -fPIC -fvisibility=hidden $(strict) $(all_cflags) -c -o $@ $<

$(cmd_objects): $(B)/%.o: %.c $(B)/include/weir.h $(B)/.compile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(compile) -I$(B)/include -fPIE -fvisibility=hidden $(strict) $(all_cflags) -c -o $@ $<

$(B)/$(shared): $(lib_objects) lib/libweir.map $(B)/.link
	$(call say,LD,$@)
	$(Q)$(link) -shared -fPIC -Wl,-soname,$(shared) -Wl,--version-script=lib/libweir.map \
		-o $@ $(lib_objects) $(DEPS_LIBS) $(SELINUX_LIBS) $(LDLIBS)

$(B)/libweir.so: $(B)/$(shared)
	$(Q)ln -sf $(shared) $@

# Unit tests see every function of the library.
$(B)/libweir-private.a: $(lib_objects) $(B)/.link
	$(call say,AR,$@)
	$(Q)rm -f $@; $(AR) rcs $@ $(lib_objects)

# A program that is linked with the static library sees the public ones only:
# all others become local to one object.  Objects for link-time optimisation
# cannot be treated so; they are archived as they are.
ifneq ($(findstring -flto,$(CFLAGS)),)
$(B)/libweir.a: $(B)/libweir-private.a
	$(Q)cp $< $@
else
$(B)/libweir.a: $(lib_objects) $(B)/.link
	$(call say,AR,$@)
	$(Q)$(CC) $(CFLAGS) -r -nostdlib -o $(B)/lib/libweir.o $(lib_objects)
	$(Q)$(OBJCOPY) --localize-hidden $(B)/lib/libweir.o
	$(Q)rm -f $@; $(AR) rcs $@ $(B)/lib/libweir.o
endif

# In the build folder the command finds the library beside itself.
$(B)/weir: $(cmd_objects) $(B)/libweir.so $(B)/.link
	$(call say,LD,$@)
	$(Q)$(link) -pie -fPIE -Wl,--enable-new-dtags '-Wl,-rpath,$$ORIGIN' \
		-o $@ $(cmd_objects) $(B)/libweir.so $(LDLIBS)

# The folders in which the loader looks by itself.
loader_path := /lib /usr/lib /lib64 /usr/lib64 $(shell \
	cat /etc/ld.so.conf /etc/ld.so.conf.d/*.conf 2>/dev/null | sed -n 's|/*$$||; /^\//p')
ifeq ($(origin RPATH),undefined)
ifeq ($(filter $(libdir),$(loader_path)),)
RPATH := $$ORIGIN/$(shell realpath -m --relative-to='$(bindir)' '$(libdir)')
else
RPATH :=
endif
endif
run_path = $(if $(RPATH),-Wl$(comma)--enable-new-dtags '-Wl$(comma)-rpath$(comma)$(RPATH)')

# The same command as it will be installed.
$(B)/installed/weir: $(cmd_objects) $(B)/libweir.so $(B)/.link $(B)/.place
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(link) -pie -fPIE $(run_path) \
		-o $@ $(cmd_objects) $(B)/libweir.so $(LDLIBS)

$(B)/installed/weir.pc: lib/weir.pc.in $(B)/.place
	@mkdir -p $(@D)
	$(Q)sed -e 's|@prefix@|$(prefix)|' \
		-e 's|@exec_prefix@|$(call below,prefix,$(exec_prefix))|' \
		-e 's|@libdir@|$(call below,exec_prefix,$(libdir))|' \
		-e 's|@includedir@|$(call below,prefix,$(includedir))|' \
		-e 's|@VERSION@|$(VERSION)|' \
		-e 's|@SELINUX_LIBS@|$(SELINUX_LIBS:%= %)|' lib/weir.pc.in >$@

# A path as the .pc file writes it: from the folder that the named variable
# holds, so that a moved installation needs one change only.
below = $(subst ^,,$(subst ^$($(1))/,$${$(1)}/,$(subst ^$($(1))^,$${$(1)},^$(2)^)))

-include $(lib_objects:.o=.d) $(cmd_objects:.o=.d)
-include $(unit_programs:=.d) $(tool_programs:=.d) $(tool_preloads:=.d)
-include $(fuzz_programs:=.d) $(B)/fuzz/replay.d

# --- Install ----------------------------------------------------------------

# The one list that drives install and uninstall: mode or "link", what, where.
define newline


endef
define installed_files
755|$(B)/installed/weir|$(bindir)/weir
755|$(B)/$(shared)|$(libdir)/$(shared)
link|$(shared)|$(libdir)/libweir.so
link|$(cp_link)|$(libexecdir)/weir/cp
644|$(B)/libweir.a|$(libdir)/libweir.a
644|lib/weir.h|$(includedir)/weir.h
644|$(B)/installed/weir.pc|$(pkgconfigdir)/weir.pc
644|completions/weir.bash|$(bashcompdir)/weir
644|completions/_weir|$(zshcompdir)/_weir
644|completions/weir.fish|$(fishcompdir)/weir.fish
$(subst $(newline)$(space),$(newline),$(foreach page,$(pages),$(installed_page)$(newline)))
endef
# weir under the name of cp, by the way from one place to the other.  Names only:
# what is a link here need not be one there.
cp_link = $(shell realpath -ms --relative-to='$(libexecdir)/weir' '$(bindir)/weir')
installed_page = 644|$(page)|$(mandir)/man$(subst .,,$(suffix $(page)))/$(notdir $(page))
pages := $(sort $(wildcard man/*.[0-9]))

.PHONY: install uninstall
install uninstall: export WEIR_FILES = $(installed_files)
install uninstall: export WEIR_DESTDIR = $(DESTDIR)
install uninstall: export WEIR_PREFIX = $(prefix)

# Only a real installation changes what the loader knows.
refresh_loader = if [ -z "$$WEIR_DESTDIR" ] && [ -w /etc ]; then \
	PATH=$$PATH:/usr/sbin:/sbin $(LDCONFIG) || echo 'weir: warning: $(LDCONFIG) failed' >&2; fi

install: all
	$(Q)printf '%s\n' "$$WEIR_FILES" | while IFS='|' read -r mode what where; do \
		[ -n "$$mode" ] || continue; \
		where=$$WEIR_DESTDIR$$where; \
		mkdir -p "$${where%/*}" || exit 1; \
		case $$mode in \
		link) ln -sfn "$$what" "$$where" ;; \
		*) $(INSTALL) -m "$$mode" "$$what" "$$where" ;; \
		esac || exit 1; \
		echo "  INSTALL  $$where"; \
	done
	$(Q)$(refresh_loader)

# Folders that are empty afterwards go too, if they are ours: that of cp, and those
# below DESTDIR, or below a prefix that is not the system's.
uninstall:
	$(Q)printf '%s\n' "$$WEIR_FILES" | while IFS='|' read -r mode what where; do \
		[ -n "$$mode" ] || continue; \
		rm -f "$$WEIR_DESTDIR$$where" || exit 1; \
		folder=$$WEIR_DESTDIR$${where%/*}; \
		case $$WEIR_DESTDIR:$$WEIR_PREFIX in :/|:/usr|:/usr/local) \
			case $$where in */weir/cp) rmdir "$$folder" 2>/dev/null ;; esac; \
			continue ;; \
		esac; \
		top=$${WEIR_DESTDIR:-$$WEIR_PREFIX}; \
		while [ "$$folder" != "$${folder#"$$top"/}" ] && rmdir "$$folder" 2>/dev/null; do \
			folder=$${folder%/*}; \
		done; \
	done
	$(Q)$(refresh_loader)

# --- Test -------------------------------------------------------------------

# Behind all others lib/ hides nothing; a test says "lib/limits.h" for what the
# system has, too.
build_test = $(CC) $(all_cppflags) -MMD -MP -MF $@.d -iquote . -I$(B)/include -idirafter lib \
	-fPIE -pie $(all_cflags) $(all_ldflags) -o $@

$(unit_programs): $(B)/libweir-private.a
$(unit_programs): $(B)/unit/%: tests/unit/%.c $(B)/include/weir.h $(B)/.compile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(build_test) $< $(B)/libweir-private.a $(DEPS_LIBS) $(SELINUX_LIBS) $(LDLIBS)

# All of the command but its main(), for targets that go through the command line.
$(B)/command-private.a: $(cmd_objects) $(B)/.link
	$(call say,AR,$@)
	$(Q)rm -f $@; $(AR) rcs $@ $(filter-out $(B)/cmd/main.o,$(cmd_objects))

# Functions that a target takes the place of: it has them as __wrap_NAME().
fuzz_wraps = $(shell sed -n 's/^ \* Wraps: //p' $<)
# Another main() where there is no fuzzer.
fuzz_main := $(if $(filter fuzz,$(D)),-fsanitize=fuzzer,$(B)/fuzz/replay.o)
# It counts the calls of what it includes.
$(B)/fuzz/cost: fuzz_flags := -finstrument-functions

$(fuzz_programs): $(B)/libweir-private.a $(B)/command-private.a
$(fuzz_programs): $(filter %.o,$(fuzz_main))
$(B)/fuzz/replay.o: tests/fuzz/replay.c $(B)/.compile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(compile) -fPIE $(all_cflags) -c -o $@ $<

$(fuzz_programs): $(B)/fuzz/%: tests/fuzz/%.c $(B)/include/weir.h $(B)/.compile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(build_test) $(fuzz_flags) $(fuzz_wraps:%=-Wl,--wrap=%) $< $(fuzz_main) \
		$(B)/command-private.a $(B)/libweir-private.a \
		$(DEPS_LIBS) $(SELINUX_LIBS) $(LDLIBS) -lm

$(tool_programs): $(B)/tools/%: tests/tools/%.c $(B)/.compile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(build_test) $(tool_flags) $< $(tool_libs) $(LDLIBS)

# They are loaded into programs of any variant.
$(tool_escape): tests/tools/escape.c
$(tool_escape): preload_libs = -luring
$(tool_selinux): tests/tools/libselinux.c
$(tool_nomem): tests/tools/nomem.c
$(tool_preloads): $(B)/.compile
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu11 $(warnings) -O1 -g -MMD -MP -MF $@.d -fPIC -shared -pthread \
		-Wl,-soname,$(@F) $(LDFLAGS) -o $@ $(filter %.c,$^) $(preload_libs) -ldl

$(B)/tools/fusefs: tool_flags = $(FUSE_CFLAGS)
$(B)/tools/fusefs: tool_libs = $(FUSE_LIBS)

# WEIR= tests an installed command: then neither it nor its insides are built.
ifeq ($(WEIR),)
tests-built: command $(unit_programs) $(fuzz_programs)
tested := $(abspath $(B)/weir)
else
tested := $(WEIR)
endif
tests-built: $(tool_programs) $(tool_preloads)

# Order tests read the trace that only the fault build writes; fuzz targets whose inputs
# have faults are replayed by it, too.
fuzz_faulty := $(shell grep -l '^ \* Replayed: ' $(fuzz_sources))
.PHONY: fault-built fault-command
fault-built:
	$(Q)+$(if $(filter fault,$(D)),:,$(MAKE) --no-print-directory D=fault WEIR= fault-command)
fault-command: command $(fuzz_faulty:tests/fuzz/%.c=$(B)/fuzz/%)
fault := $(abspath $(O)/fault$(flavour)/weir)

suites := $(or $(TESTS),tests/cli tests/copy tests/sync tests/fault \
	$(if $(WEIR),,$(if $(unit_sources),tests/unit) $(if $(fuzz_sources),tests/fuzz)))
LANE ?= check
# The thread sanitizer does not bear all of the address randomisation.
run_tests = $(if $(filter tsan,$(D)),setarch -R) tests/run --lane '$(LANE)' \
	--build '$(abspath $(B))' --weir '$(tested)' --fault '$(fault)' \
	$(if $(UNDER),--under '$(UNDER)') \
	$(if $(JOBS),--jobs '$(JOBS)') $(if $(FILTER),--filter '$(FILTER)')
again = +$(Q)$(MAKE) --no-print-directory LANE=$@
# But for those that say "# once": what they are about is the same in any lane.
suites_again := $(shell grep -L '^\# once$$' tests/copy/*.bats tests/sync/*.bats)

# What is about large numbers takes long, and tells sanitizers and judges of traces
# nothing.
slow_tests := tests/copy/names.bats tests/copy/regressions.bats

.PHONY: check check-plain check-tiny check-asan check-ubsan check-tsan check-valgrind \
	check-root check-crash check-install
check: tests-built fault-built
	$(Q)$(run_tests) $(suites)
# The unit programs choose the backend themselves, and the command line knows no
# backends and budgets.  It is the fault build that is tested, so that each run can be
# judged by its trace.
check-plain:
	$(again) D=fault WEIR_ENGINE=plain TEST_TRACES=1 \
		TESTS='$(or $(TESTS),$(filter-out $(slow_tests),$(suites_again)))' check
# Nor is what takes two minutes with the smallest buffers, and half of one with others.
check-tiny:
	$(again) D=tiny TESTS='$(or $(TESTS),$(filter-out tests/copy/changing.bats \
		$(slow_tests),$(suites_again)) tests/unit tests/fuzz)' check
check-asan:
	$(again) D=asan TESTS='$(or $(TESTS),tests/cli tests/unit tests/fuzz \
		$(filter-out $(slow_tests),$(suites_again)))' check
check-ubsan:
	$(again) D=ubsan check
# All but what needs no thread.
check-tsan:
	$(again) D=tsan TESTS='$(or $(TESTS),tests/unit \
		$(filter-out $(slow_tests),$(suites_again)))' check
# Valgrind makes all of it fifty times slower: a set that goes once through what allocates,
# opens and undoes.  One unit program takes too long, and one is about rings, whose buffers
# valgrind does not see filled.
valgrind_tests := $(filter-out tests/unit/filter.c tests/unit/io.c,$(unit_sources)) \
	tests/copy/links.bats tests/copy/conflicts.bats tests/copy/inplace.bats \
	tests/sync/renames.bats
check-valgrind:
	$(again) D=dev WEIR_ENGINE=plain UNDER='tests/valgrind' \
		TESTS='$(or $(TESTS),$(valgrind_tests))' check
check-root: LANE = check-root
check-root: tests-built fault-built
	$(Q)$(run_tests) $(or $(TESTS),tests/root tests/root/on-filesystems \
		tests/root/under-protections)
# The weak model for all that was promised, and one that is as strict as ext4.
SIZE ?= 1
check-crash: tests-built fault-built
	$(Q)$(B)/tools/crashloop --weir='$(fault)' --size='$(SIZE)' \
		$(if $(PART),--part='$(PART)') $(if $(JOBS),--jobs='$(JOBS)')
check-install: tests-built fault-built
	$(Q)+MAKE='$(MAKE)' D='$(D)' O='$(O)' CC='$(CC)' CXX='$(CXX)' tests/api/check-install \
		'$(abspath $(B))' '$(VERSION)'

# Every fault at every operation, every kill, every allocation: half an hour.  SAMPLE=N
# tries one in N, as SEED= says.  The other one cuts the power on real file systems, as
# root: ten minutes.
# The third one loses what was not flushed, at each flush of a device: an hour.
.PHONY: check-faults check-powercut check-flushes
check-powercut: tests-built fault-built
	$(Q)tests/fault/cuts --tools '$(abspath $(B))/tools' --fault '$(fault)' \
		--sample '$(or $(SAMPLE),1)' --seed '$(or $(SEED),1)'
check-flushes: tests-built
	$(Q)tests/fault/blocks --tools '$(abspath $(B))/tools' --weir '$(tested)' \
		--sample '$(or $(SAMPLE),1)' --seed '$(or $(SEED),1)' $(CASES)
check-faults: tests-built fault-built
	$(Q)tests/fault/run --tools '$(abspath $(B))/tools' --fault '$(fault)' \
		$(if $(JOBS),--jobs '$(JOBS)') --sample '$(or $(SAMPLE),1)' \
		--seed '$(or $(SEED),1)'

# The fuzzer is clang's; $(FUZZ_CC) may name another release of it.
FUZZ_CC ?= clang
FUZZ_WORK ?= $(O)/fuzz-work
.PHONY: fuzz fuzz-built
ifeq ($(D),fuzz)
fuzz-built: $(fuzz_programs)
fuzz: fuzz-built
	$(Q)tests/fuzz/run --build '$(abspath $(B))/fuzz' --work '$(abspath $(FUZZ_WORK))' \
		$(if $(FUZZ_SECONDS),--seconds '$(FUZZ_SECONDS)') \
		$(if $(FUZZ_RUNS),--runs '$(FUZZ_RUNS)') $(FUZZ_TARGETS)
else
fuzz fuzz-built:
	$(Q)+$(MAKE) --no-print-directory D=fuzz CC='$(FUZZ_CC)' $@
endif

.PHONY: lint analyze bench completions
# What is shipped is the release variant, so that is what the lint looks at.
ifeq ($(D),release)
lint: command $(B)/libweir.so $(B)/libweir.a $(B)/installed/weir fault-built
	$(Q)CC='$(CC)' tests/lint/run '$(abspath $(B))' '$(fault)'
else
lint:
	$(Q)+$(MAKE) --no-print-directory D=release lint
endif
# What takes minutes; check-cppcheck is in the lint, too.
analyze: $(B)/include/weir.h
	$(Q)tests/lint/analyze $(if $(JOBS),--jobs '$(JOBS)') --include '$(B)/include' \
		$(ANALYZE) -- $(all_cppflags)
bench: all tests-built
	$(Q)WEIR='$(tested)' WEIR_BUILD='$(abspath $(B))' tests/bench/run

completions: command
	$(Q)mkdir -p completions
	$(Q)$(B)/weir --completion=bash >completions/weir.bash
	$(Q)$(B)/weir --completion=zsh >completions/_weir
	$(Q)$(B)/weir --completion=fish >completions/weir.fish

# --- Release ----------------------------------------------------------------

tarball := $(O)/weir-$(VERSION).tar

# The same tree gives the same bytes: names sorted, one owner, one date.
.PHONY: dist distcheck clean help
dist:
	@mkdir -p $(O)
	$(Q)tests/lint/files . >$(O)/.dist-files
	$(Q)tar --format=gnu --sort=name --owner=0 --group=0 --numeric-owner \
		--mode=go=rX,u=rwX \
		--mtime="@$${SOURCE_DATE_EPOCH:-$$(stat -c %Y NEWS)}" --no-recursion \
		--transform='s|^|weir-$(VERSION)/|S' -T $(O)/.dist-files -cf $(tarball)
	$(Q)gzip -9nf $(tarball)
	@echo '  DIST     $(tarball).gz'

distcheck: dist
	$(Q)+MAKE='$(MAKE)' tests/api/distcheck '$(abspath $(tarball)).gz'

clean:
	rm -rf $(O)

help:
	@sed -n '1d; /^#/!q; s/^# \{0,1\}//p' Makefile
