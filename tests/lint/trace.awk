# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Checks a trace of a fault build, sorted by its serials (sort -n), against what is
# promised about names:
#
#   component   what is done in a folder names one component of it; nothing is
#               made, named or removed by a path; but for files without a name in
#               /var/tmp or /tmp, for what does not fit into memory
#   descriptor  owner, mode, times, flags, projects and attributes are changed of a
#               descriptor, never of a name
#   identity    what was looked at by its name and is then opened by it is looked
#               at once more by the new descriptor, before all else done with that
#
# With paths=1 operands lie below a folder that is held, as with --parents: they are
# looked at and opened by a path.
#
# Every line that breaks one is printed.  Status 1: there was one, or no line.

function broken(rule) {
	print rule ": " $0
	bad = 1
}

NF != 10 { broken("ten fields"); next }

{ name = $4; fd = $9 }

$2 == "rename" {
	if (gsub(/\//, "/", name) != 1)
		broken("component")
	name = "-"
}

# O_TMPFILE
$2 == "create" && $4 ~ /^(\/var)?\/tmp$/ && $7 ~ /^41....$/ {
	next
}

$2 ~ /^(mkdir|unlink|link|rename|symlink|mknod|create)$/ && $3 == "-" && $8 >= 0 {
	broken("component")
}

$2 !~ /^[gs]etxattr$/ && $3 != "-" && name ~ /\// &&
	!(paths && $2 ~ /^(statx|open|readlink)$/) {
	broken("component")
}

$2 ~ /^(chown|chmod|utimens|setflags|setattr)$/ && ($3 == "-" || name != "-") {
	broken("descriptor")
}

$2 == "setxattr" && $3 == "-" { broken("descriptor") }

# What has this number now is not known by more than its name yet.
fd in pending {
	if (!($2 == "statx" && name == "-") && $2 != "close")
		broken("identity")
	delete pending[fd]
}

$2 == "statx" && name != "-" { looked[$3, name] = 1 }

$2 == "open" && $8 >= 0 {
	delete pending[$8]
	if (($3, name) in looked && name !~ /^\.\.?$/ && $3 != "-")
		pending[$8] = name
}

END { exit bad || NR == 0 }
