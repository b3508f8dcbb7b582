# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Prints C source line by line without comments and without what strings hold,
# so that a rule about code is not fooled by text.
{
	out = ""
	line = $0
	while (line != "") {
		if (inside) {
			end = index(line, "*/")
			if (!end) {
				line = ""
				continue
			}
			line = substr(line, end + 2)
			inside = 0
			out = out " "
		} else if (substr(line, 1, 2) == "/*") {
			inside = 1
			line = substr(line, 3)
		} else if (substr(line, 1, 2) == "//") {
			line = ""
		} else if (substr(line, 1, 1) == "\"" && match(line, /^"([^"\\]|\\.)*"/)) {
			out = out "\"\""
			line = substr(line, RLENGTH + 1)
		} else if (substr(line, 1, 1) == "'" && match(line, /^'([^'\\]|\\.)*'/)) {
			out = out "' '"
			line = substr(line, RLENGTH + 1)
		} else {
			out = out substr(line, 1, 1)
			line = substr(line, 2)
		}
	}
	print out
}
