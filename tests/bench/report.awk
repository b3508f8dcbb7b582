# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Turns the tables of tests/bench/run into text or JSON.
#
# usage: awk -v mode=text|summary|json [-v fs= -v work=] -f report.awk TARGETS WORKS RUNS
#
# Fields, separated by tabs:
#   TARGETS  fs work kind value
#   WORKS    fs work title bytes files folders changed
#   RUNS     fs work tool pair run status wall user system machine peak cached arena
#            written check
# `changed` are the bytes that differ before a second run; -1: it is no second run.
# A run counts if its status is 0 and its copy was not found wrong.

function median(list, n,    i, j, x) {
	if (n == 0)
		return -1
	for (i = 2; i <= n; i++) {
		x = list[i]
		for (j = i - 1; j >= 1 && list[j] > x; j--)
			list[j + 1] = list[j]
		list[j + 1] = x
	}
	return (list[int((n + 1) / 2)] + list[int(n / 2) + 1]) / 2
}

# The median of one column over the good runs of a tool.
function column(key, tool, values,    i, n, list) {
	n = 0
	for (i = 1; i <= runs; i++)
		if (run_key[i] == key && run_tool[i] == tool && good[i])
			list[++n] = values[i]
	return median(list, n)
}

function largest(key, tool, values,    i, most) {
	most = -1
	for (i = 1; i <= runs; i++)
		if (run_key[i] == key && run_tool[i] == tool && good[i] && values[i] > most)
			most = values[i]
	return most
}

# The median of time of the peer / time of weir, pair by pair.
function ratio(key, peer,    i, n, list, id) {
	n = 0
	for (i = 1; i <= runs; i++) {
		if (run_key[i] != key || run_tool[i] != peer || !good[i])
			continue
		id = key SUBSEP peer SUBSEP run_number[i]
		if (id in weir_time && weir_time[id] > 0)
			list[++n] = wall[i] / weir_time[id]
	}
	return median(list, n)
}

function count_runs(key, tool, which,    i, n) {
	n = 0
	for (i = 1; i <= runs; i++)
		if (run_key[i] == key && run_tool[i] == tool && (which == "all" || !good[i]))
			n++
	return n
}

# What weir is measured by, beside the peers; -1: not known.
function value_of(key, kind,    gib, seconds) {
	if (kind == "cpu") {
		gib = work_bytes[key] / 1073741824
		seconds = column(key, "weir", cpu)
		return gib > 0 && seconds >= 0 ? seconds / gib : -1
	}
	if (kind == "memory")
		return to_mib(largest(key, "weir", beside))
	if (kind == "peak")
		return to_mib(largest(key, "weir", peak))
	if (kind == "cache")
		return column(key, "weir", cached) / 1048576
	if (kind == "written")
		return work_changed[key] > 0 ? column(key, "weir", written) / work_changed[key] : -1
	if (kind == "archive")
		return ratio(key, "weir-r") > 0 ? 1 / ratio(key, "weir-r") : -1
	return ratio(key, kind)
}

function to_mib(bytes) {
	return bytes < 0 ? -1 : bytes / 1048576
}

function is_ratio(kind) {
	return kind !~ /^(cpu|memory|peak|cache|archive|written)$/
}

# A ratio must not be lower than its target, everything else not higher.
function reached(key, kind,    value) {
	value = value_of(key, kind)
	if (!known(key, kind))
		return "unknown"
	if (is_ratio(kind))
		return value >= target[key, kind] ? "yes" : "no"
	return value <= target[key, kind] ? "yes" : "no"
}

function verdict(key, kind) {
	if (!((key, kind) in target))
		return ""
	return sprintf("%s %-5s %s", is_ratio(kind) ? ">=" : "<=", target[key, kind],
		       reached(key, kind) (scale == 1 ? "" : " (scaled)"))
}

function tool_line(key, tool,    failed, line) {
	failed = count_runs(key, tool, "bad")
	if (column(key, tool, wall) < 0) {
		printf "  %-10s FAIL\n", tool
		return
	}
	line = sprintf("  %-10s %10.4f %9.4f %9.3f %9.1f %9.1f", tool, column(key, tool, wall),
		       column(key, tool, cpu), column(key, tool, machine_cpu),
		       largest(key, tool, peak) / 1048576, column(key, tool, cached) / 1048576)
	if (tool != "weir" && ratio(key, tool) >= 0)
		line = line sprintf(" %8.2f  %s", ratio(key, tool), verdict(key, tool))
	if (failed)
		line = line sprintf("  FAIL in %d of %d", failed, count_runs(key, tool, "all"))
	print line
}

function known(key, kind) {
	return column(key, "weir", wall) >= 0 && (kind == "cache" || value_of(key, kind) >= 0)
}

function figure(key, kind) {
	return known(key, kind) ? sprintf("%.3f", value_of(key, kind)) : "-"
}

function text(key,    i, kind, n, names) {
	printf "  %-10s %10s %9s %9s %9s %9s %8s  %s\n", "tool", "time s", "CPU s", "machine",
	       "peak MiB", "cache MiB", "ratio", "wanted, reached"
	for (i = 1; i <= tools[key]; i++)
		tool_line(key, tool_name[key, i])
	names["cpu"] = "CPU seconds of weir per GiB"
	names["memory"] = "memory of weir beside its buffers, MiB"
	names["peak"] = "memory of weir in all, MiB"
	names["cache"] = "growth of the page cache with weir, MiB"
	names["archive"] = "time of -a over that of -r"
	names["written"] = "bytes written by weir over those that differ"
	if (work_changed[key] >= 0 && column(key, "weir", wall) >= 0)
		printf "  %-42s %8.0f of %.0f\n", "bytes written by weir, of those that differ",
		       column(key, "weir", written), work_changed[key]
	n = split("cpu memory peak cache archive written", kind, " ")
	for (i = 1; i <= n; i++)
		if ((key, kind[i]) in target)
			printf "  %-42s %8s  %s\n", names[kind[i]], figure(key, kind[i]),
			       verdict(key, kind[i])
}

function summary(    i, id, part, missed, unknown, met, failed, wrong) {
	missed = unknown = met = failed = wrong = 0
	print ""
	for (i = 1; i <= runs; i++)
		if (run_tool[i] == "weir") {
			failed += status[i] != "0"
			wrong += check[i] == "wrong"
		}
	for (i = 1; i <= targets; i++) {
		id = target_id[i]
		split(id, part, SUBSEP)
		if (reached(part[1] SUBSEP part[2], part[3]) == "yes") {
			met++
			continue
		}
		if (reached(part[1] SUBSEP part[2], part[3]) == "unknown") {
			unknown++
			continue
		}
		missed++
		printf "missed: %s, %s, %s: %.3f, wanted %s\n", part[1], part[2], part[3],
		       value_of(part[1] SUBSEP part[2], part[3]), target[id]
	}
	printf "targets: %d reached, %d missed, %d not measured%s\n", met, missed, unknown,
	       scale == 1 ? "" : " (scaled: they are for the full size)"
	printf "weir: %d runs failed, %d copies were wrong\n", failed, wrong
	exit_status = failed || wrong ? 1 : strict == 1 && missed ? 3 : 0
}

function quote(s,    i, c, out) {
	out = ""
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (c == "\\" || c == "\"")
			c = "\\" c
		else if (c < " ")
			c = " "
		out = out c
	}
	return "\"" out "\""
}

function json_machine(    line, part, comma) {
	printf "  \"machine\": {"
	comma = ""
	while ((getline line < machine) > 0) {
		split(line, part, "\t")
		printf "%s\n    %s: %s", comma, quote(part[1]), quote(part[2])
		comma = ","
	}
	print "\n  },"
}

function json_runs(key, tool,    i, comma) {
	comma = ""
	for (i = 1; i <= runs; i++) {
		if (run_key[i] != key || run_tool[i] != tool)
			continue
		printf "%s\n        {\"pair\": %s, \"run\": %d, ", comma, quote(pair[i]),
		       run_number[i]
		printf "\"status\": %s, \"check\": %s, ", quote(status[i]), quote(check[i])
		printf "\"wall_s\": %.6f, \"cpu_s\": %.6f, ", wall[i], cpu[i]
		printf "\"machine_cpu_s\": %.6f, \"peak_bytes\": %.0f, ", machine_cpu[i], peak[i]
		printf "\"cache_growth_bytes\": %.0f, \"arena_bytes\": %.0f, ", cached[i], arena[i]
		printf "\"written_bytes\": %.0f}", written[i]
		comma = ","
	}
}

function json_number(value) {
	return value < 0 ? "null" : sprintf("%.6f", value)
}

function json_tool(key, tool) {
	printf "\n      {\"tool\": %s, \"median_wall_s\": %s, \"median_cpu_s\": %s, ", quote(tool),
	       json_number(column(key, tool, wall)), json_number(column(key, tool, cpu))
	printf "\"peak_bytes\": %.0f, ", largest(key, tool, peak)
	if (tool != "weir")
		printf "\"ratio\": %s, ", json_number(ratio(key, tool))
	printf "\"runs\": ["
	json_runs(key, tool)
	printf "\n      ]}"
}

function json_targets(key,    i, part, comma) {
	comma = ""
	printf "    \"targets\": ["
	for (i = 1; i <= targets; i++) {
		split(target_id[i], part, SUBSEP)
		if (part[1] SUBSEP part[2] != key)
			continue
		printf "%s\n      {\"kind\": %s, \"wanted\": %s, ", comma, quote(part[3]),
		       target[target_id[i]]
		printf "\"measured\": %s, \"reached\": %s}",
		       known(key, part[3]) ? figure(key, part[3]) : "null",
		       quote(reached(key, part[3]))
		comma = ","
	}
	print "\n    ],"
}

function json_counters(key,    i, part, comma) {
	comma = ""
	printf "    \"counters\": {"
	for (i = 1; i <= counter_lines; i++) {
		split(counter[i], part, " ")
		if (part[1] SUBSEP part[2] != key)
			continue
		printf "%s\n      %s: %s", comma, quote(part[3]), part[4]
		comma = ","
	}
	print "\n    },"
}

function json(    i, j, key, part) {
	while (counters != "" && (getline counter[counter_lines + 1] < counters) > 0)
		counter_lines++
	print "{\n  \"v\": 1,"
	json_machine()
	printf "  \"rows\": ["
	for (i = 1; i <= works; i++) {
		key = work_key[i]
		split(key, part, SUBSEP)
		printf "%s\n    {\"fs\": %s, \"work\": %s, \"title\": %s,\n",
		       i == 1 ? "" : ",", quote(part[1]), quote(part[2]), quote(work_title[key])
		printf "    \"bytes\": %.0f, \"files\": %.0f, \"folders\": %.0f,\n",
		       work_bytes[key], work_files[key], work_folders[key]
		if (work_changed[key] >= 0)
			printf "    \"changed_bytes\": %.0f,\n", work_changed[key]
		json_targets(key)
		json_counters(key)
		printf "    \"tools\": ["
		for (j = 1; j <= tools[key]; j++) {
			printf "%s", j == 1 ? "" : ","
			json_tool(key, tool_name[key, j])
		}
		printf "\n    ]}"
	}
	print "\n  ]\n}"
}

BEGIN { FS = "\t"; runs = works = targets = counter_lines = exit_status = 0 }

# An empty file has no first line, so the files are told apart by their fields.
NF == 4 {
	target[$1, $2, $3] = $4
	target_id[++targets] = $1 SUBSEP $2 SUBSEP $3
}
NF == 7 {
	work_key[++works] = $1 SUBSEP $2
	work_title[$1, $2] = $3
	work_bytes[$1, $2] = $4
	work_files[$1, $2] = $5
	work_folders[$1, $2] = $6
	work_changed[$1, $2] = $7
}
NF == 15 {
	runs++
	run_key[runs] = $1 SUBSEP $2
	run_tool[runs] = $3
	pair[runs] = $4
	run_number[runs] = $5
	status[runs] = $6
	wall[runs] = $7 + 0
	cpu[runs] = $8 + $9
	machine_cpu[runs] = $10 + 0
	peak[runs] = $11 + 0
	cached[runs] = $12 + 0
	arena[runs] = $13 + 0
	beside[runs] = peak[runs] > arena[runs] ? peak[runs] - arena[runs] : peak[runs]
	written[runs] = $14 + 0
	check[runs] = $15
	good[runs] = $6 == "0" && $15 != "wrong"
	if ($3 == "weir" && good[runs])
		weir_time[$1, $2, $4, $5] = $7
	if (!(($1, $2, $3) in seen)) {
		seen[$1, $2, $3] = 1
		tool_name[$1, $2, ++tools[$1, $2]] = $3
	}
}

END {
	if (mode == "text")
		text(fs SUBSEP work)
	else if (mode == "json")
		json()
	else
		summary()
	exit exit_status
}
