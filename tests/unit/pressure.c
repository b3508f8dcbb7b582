/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When a run in the background stands back.  Clock and samples are numbers.
 */
#include "lib/pressure.h"

#include "lib/limits.h"
#include "unit.h"

#define MS 1000000ULL
#define HIGH (LIMIT_PRESSURE_HIGH * 100)
#define LOW (LIMIT_PRESSURE_LOW * 100)

static void parses(void)
{
	struct pressure_sample sample = { 0 };

	CHECK_EQUAL(pressure_parse("some avg10=12.34 avg60=0.47 avg300=0.29 total=4514712315\n"
				   "full avg10=99.00 avg60=0.18 avg300=0.21 total=7\n",
				   &sample),
		    0);
	CHECK_EQUAL(sample.avg10, 1234);
	CHECK_EQUAL(sample.total_us, 4514712315);
	CHECK_EQUAL(pressure_parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", &sample), 0);
	CHECK_EQUAL(sample.avg10, 0);
	CHECK_EQUAL(sample.total_us, 0);
	CHECK_EQUAL(pressure_parse("some avg10=100.00 avg60=0.00 avg300=0.00 total=1", &sample), 0);
	CHECK_EQUAL(sample.avg10, 10000);
}

static void refuses(void)
{
	static const char *const texts[] = {
		"",
		"\n",
		"some",
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"some avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=1.00 avg60=0.00 avg300=0.00\n",
		"some avg60=0.00\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=x avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=1 avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=1.0 avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=-1.00 avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=101.00 avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=99999999999999999999.00 avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=1.00 avg60=0.00 avg300=0.00 total=\n",
	};
	struct pressure_sample sample;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!CHECK_EQUAL(pressure_parse(texts[i], &sample), -EINVAL))
			printf("  '%s'\n", texts[i]);
}

/* A machine: what others make, and what the run makes while it works. */
struct machine {
	struct pressure pressure;
	uint64_t now;
	double average; /* over ten seconds */
	double total_us;
	uint64_t quiet_ns;
	bool quiet;
};

static void begin(struct machine *machine, double average)
{
	*machine = (struct machine){ .now = 5000 * MS, .average = average };
}

/* One sample later; pressures in percent. */
static void step(struct machine *machine, double others, double own)
{
	uint64_t pause = pressure_pause_ns(&machine->pressure);
	double percent = machine->quiet || own < others ? others : own;
	struct pressure_sample sample;

	machine->now += pause;
	machine->quiet_ns += machine->quiet ? pause : 0;
	machine->total_us += (double)pause / 1000 * percent / 100;
	machine->average += (percent - machine->average) * (double)pause / 1e10;
	sample.avg10 = (uint32_t)(machine->average * 100);
	sample.total_us = (uint64_t)machine->total_us;
	machine->quiet = pressure_judge(&machine->pressure, &sample, machine->now);
}

static void run(struct machine *machine, uint64_t duration, double others, double own)
{
	uint64_t end = machine->now + duration;

	while (machine->now < end)
		step(machine, others, own);
}

static void low(void)
{
	struct machine machine;

	begin(&machine, 0);
	run(&machine, 600 * 1000 * MS, 5, 15);
	CHECK_EQUAL(machine.quiet_ns, 0);
}

/* Nothing begins on a machine that is busy already. */
static void high_at_first(void)
{
	struct machine machine;

	begin(&machine, 60);
	step(&machine, 60, 100);
	CHECK(machine.quiet);
	CHECK_EQUAL(machine.quiet_ns, 0);
	run(&machine, 600 * 1000 * MS, 60, 100);
	CHECK(machine.quiet_ns >= 599 * 1000 * MS);
	CHECK(machine.quiet);
}

/* It does not run from itself. */
static void alone(void)
{
	struct machine machine;

	begin(&machine, 0);
	run(&machine, 600 * 1000 * MS, 2, 100);
	CHECK(machine.quiet_ns > 0);
	CHECK(machine.quiet_ns < 90 * 1000 * MS); /* 15 % */
}

static void others_come_and_go(void)
{
	struct machine machine;
	uint64_t before;

	begin(&machine, 0);
	run(&machine, 60 * 1000 * MS, 0, 100);
	before = machine.quiet_ns;
	run(&machine, 60 * 1000 * MS, 70, 100);
	CHECK(machine.quiet_ns - before >= 55 * 1000 * MS);
	CHECK(machine.quiet);
	/* They are gone long before the average is low. */
	run(&machine, LIMIT_PRESSURE_MEASURE_NS * 2 + LIMIT_PRESSURE_END_NS, 0, 0);
	CHECK(!machine.quiet);
	CHECK(machine.average > LIMIT_PRESSURE_HIGH);
}

/* What one high average began, one in the middle does not end. */
static void in_the_middle(void)
{
	struct pressure pressure = { 0 };
	struct pressure_sample sample = { .avg10 = HIGH };
	uint64_t now = 5000 * MS;

	CHECK(pressure_judge(&pressure, &sample, now));
	sample.avg10 = LOW + 1;
	for (int i = 0; i < 100; i++) {
		now += LIMIT_PRESSURE_END_NS;
		sample.total_us += LIMIT_PRESSURE_END_NS / 1000 * (LIMIT_PRESSURE_LOW + 1) / 100;
		CHECK(pressure_judge(&pressure, &sample, now));
	}
	sample.avg10 = LOW;
	CHECK(!pressure_judge(&pressure, &sample, now + 1)); /* R1 */
	/* One below high does not begin it again, whenever it comes. */
	sample.avg10 = HIGH - 1;
	CHECK(!pressure_judge(&pressure, &sample, now + 60 * 1000 * MS));
	sample.avg10 = HIGH;
	CHECK(pressure_judge(&pressure, &sample, now + 61 * 1000 * MS));
}

/* R2 */
static void between_pauses(void)
{
	struct pressure pressure = { 0 };
	struct pressure_sample sample = { .avg10 = 9000 };
	uint64_t now = 5000 * MS, back;

	/* Nobody else makes any. */
	for (int i = 0; i < 1000 && pressure_judge(&pressure, &sample, now); i++)
		now += 10 * MS;
	CHECK_EQUAL(now, 5000 * MS + LIMIT_PRESSURE_END_NS + LIMIT_PRESSURE_MEASURE_NS);
	back = now;
	for (int i = 0; i < 1000 && !pressure_judge(&pressure, &sample, now); i++)
		now += 10 * MS;
	CHECK_EQUAL(now - back, LIMIT_PRESSURE_GO_NS);
}

/* Counters that go back, as in another container, are measured anew. */
static void goes_back(void)
{
	struct pressure pressure = { 0 };
	struct pressure_sample sample = { .avg10 = 9000, .total_us = 1000000 };
	uint64_t now = 5000 * MS;

	CHECK(pressure_judge(&pressure, &sample, now));
	CHECK(pressure_judge(&pressure, &sample, now += LIMIT_PRESSURE_END_NS));
	sample.total_us = 10;
	CHECK(pressure_judge(&pressure, &sample, now += LIMIT_PRESSURE_MEASURE_NS));
	CHECK(!pressure_judge(&pressure, &sample, now += LIMIT_PRESSURE_MEASURE_NS));
}

static void sleeps(void)
{
	struct pressure pressure = { 0 };
	struct pressure_sample sample = { .avg10 = 9000 };

	CHECK(pressure_pause_ns(&pressure) <= 1000 * MS);
	pressure_judge(&pressure, &sample, 5000 * MS);
	CHECK(pressure_pause_ns(&pressure) <= LIMIT_WAIT_MS * MS);
}

static const struct unit_test tests[] = {
	{ "what the kernel writes is read", parses },
	{ "anything else is no sample", refuses },
	{ "little pressure stops nothing", low },
	{ "on a busy machine nothing begins until others are done", high_at_first },
	{ "a run that is alone is not stopped by itself", alone },
	{ "others are seen within seconds, and their end at once", others_come_and_go },
	{ "what begins a pause is above what ends it", in_the_middle },
	{ "work goes on for some seconds between pauses", between_pauses },
	{ "a counter that goes back is measured anew", goes_back },
	{ "samples come often enough", sleeps },
};

UNIT_MAIN(tests)
