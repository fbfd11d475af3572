/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIIX4 function 3 (data sheet 290562): ACPI's fixed registers (ACPI 4.8.3).
 * The machine is in ACPI mode from power-on, so SCI_EN is set always, ports B2
 * and B3 remember what they get, and APMC_EN is preset: firmware takes it that
 * somebody has set up system management mode, and leaves it alone.
 */
#include <base/bits.h>
#include <base/bytes.h>
#include <device/io_bus.h>
#include <device/pci.h>
#include <device/piix.h>
#include <host/timer_queue.h>

#include <string.h>

#define NS_PER_S    UINT64_C(1000000000)
#define PM_TIMER_HZ UINT64_C(3579545)
#define TIMER_BITS  24

#define CFG_PM_BASE 0x40
#define CFG_DEVACTB 0x58
#define CFG_MISC    0x80
#define CFG_SMB     0x90
#define CFG_HOST    0xd2
#define MISC_ENABLE 0x01
#define APMC_EN     BIT(25)

#define PM1_TIMER      BIT(0)
#define PM1_GLOBAL     BIT(5)
#define PM1_POWER      BIT(8)
#define PM1_SLEEP      BIT(9)
#define PM1_RTC        BIT(10)
#define PM1_WAKE       BIT(15)
#define PM1_STS_BITS   (PM1_TIMER | PM1_GLOBAL | PM1_POWER | PM1_RTC | PM1_WAKE)
#define PM1_EN_BITS    (PM1_TIMER | PM1_GLOBAL | PM1_POWER | PM1_RTC)
#define CNT_SCI_EN     BIT(0)
#define CNT_SLP_TYP(v) (((v) >> 10) & 7)
#define CNT_SLP_EN     BIT(13)
#define CNT_WRITABLE   0x1c02u
#define SLP_TYP_S5     0 /* as the PIIX4 has it, and as _S5 says */

struct piix_pm_state {
	uint8_t config[PCI_CONFIG_SIZE];
	uint16_t pm1_sts;
	uint16_t pm1_en;
	uint16_t pm1_cnt;
	uint8_t gpe[PIIX_GPE0_SIZE]; /* status, then enable */
	uint8_t apm[2];              /* ports B2 and B3 */
	uint64_t timer_checked;      /* ticks up to which TMR_STS is right */
};

struct piix_pm {
	struct device dev;
	struct piix_pm_state s;
	struct pci_function fn;
	uint8_t mask[PCI_CONFIG_SIZE];
	struct irq_line sci;
	struct timer timer;
	struct io_region pm; /* size 0: not mapped */
	struct io_region apm;
};

static const struct state_field piix_pm_fields[] = {
	STATE_ARRAY(struct piix_pm_state, config, 1),
	STATE_FIELD(struct piix_pm_state, pm1_sts, 1),
	STATE_FIELD(struct piix_pm_state, pm1_en, 1),
	STATE_FIELD(struct piix_pm_state, pm1_cnt, 1),
	STATE_ARRAY(struct piix_pm_state, gpe, 1),
	STATE_ARRAY(struct piix_pm_state, apm, 1),
	STATE_FIELD(struct piix_pm_state, timer_checked, 1),
};

static const struct state_desc piix_pm_state_desc = STATE_DESC(
	struct piix_pm_state, "device/piix-pm", 1, piix_pm_fields, NULL);

static uint64_t ticks_now(const struct piix_pm *p)
{
	uint64_t ns = timer_queue_now(p->dev.env->timers);

	return (uint64_t)((unsigned __int128)ns * PM_TIMER_HZ / NS_PER_S);
}

/* TMR_STS is set when the timer's top bit changes. */
static void catch_up(struct piix_pm *p)
{
	uint64_t now = ticks_now(p);
	unsigned int half = TIMER_BITS - 1;

	if (now >> half != p->s.timer_checked >> half)
		p->s.pm1_sts |= PM1_TIMER;
	p->s.timer_checked = now;
}

static void update(struct piix_pm *p)
{
	const struct piix_pm_state *s = &p->s;
	bool gpe = (s->gpe[0] & s->gpe[2]) || (s->gpe[1] & s->gpe[3]);
	uint64_t due = TIMER_NEVER;

	irq_set(&p->sci, (s->pm1_sts & s->pm1_en & PM1_EN_BITS) || gpe);
	if ((s->pm1_en & PM1_TIMER) && !(s->pm1_sts & PM1_TIMER)) {
		uint64_t next = ((s->timer_checked >> (TIMER_BITS - 1)) + 1)
				<< (TIMER_BITS - 1);

		due = (uint64_t)(((unsigned __int128)next * NS_PER_S +
				  PM_TIMER_HZ - 1) /
				 PM_TIMER_HZ);
	}
	timer_arm(p->dev.env->timers, &p->timer, due);
}

static void piix_pm_fire(void *ctx)
{
	struct piix_pm *p = ctx;

	device_lock(&p->dev);
	catch_up(p);
	update(p);
	device_unlock(&p->dev);
}

void piix_pm_power_button(struct device *dev)
{
	struct piix_pm *p = container_of(dev, struct piix_pm, dev);

	device_lock(dev);
	p->s.pm1_sts |= PM1_POWER;
	update(p);
	device_unlock(dev);
}

static void write_control(struct piix_pm *p, uint16_t v)
{
	p->s.pm1_cnt = (v & CNT_WRITABLE) | CNT_SCI_EN;
	if (!(v & CNT_SLP_EN))
		return;
	if (CNT_SLP_TYP(v) == SLP_TYP_S5)
		p->dev.env->request(p->dev.env->ctx, MACHINE_POWER_OFF, 0);
	else
		device_complain(&p->dev, "unknown sleep state");
}

/* One byte of the register block; the timer is read before. */
static uint8_t reg_read(const struct piix_pm *p, unsigned int off,
			uint32_t timer)
{
	const struct piix_pm_state *s = &p->s;

	switch (off) {
	case PIIX_PM1_EVENT:
	case PIIX_PM1_EVENT + 1:
		return (uint8_t)(s->pm1_sts >> (8 * (off & 1)));
	case PIIX_PM1_EVENT + 2:
	case PIIX_PM1_EVENT + 3:
		return (uint8_t)(s->pm1_en >> (8 * (off & 1)));
	case PIIX_PM1_CONTROL:
	case PIIX_PM1_CONTROL + 1:
		return (uint8_t)(s->pm1_cnt >> (8 * (off & 1)));
	default:
		break;
	}
	if (off - PIIX_PM_TIMER < 4)
		return (uint8_t)(timer >> (8 * (off & 3)));
	if (off - PIIX_GPE0 < PIIX_GPE0_SIZE)
		return s->gpe[off - PIIX_GPE0];
	return 0;
}

static void reg_write(struct piix_pm *p, unsigned int off, uint8_t v)
{
	struct piix_pm_state *s = &p->s;
	unsigned int shift = 8 * (off & 1);
	uint16_t keep = (uint16_t) ~(0xffu << shift);

	switch (off) {
	case PIIX_PM1_EVENT:
	case PIIX_PM1_EVENT + 1:
		s->pm1_sts &= (uint16_t) ~((unsigned int)v << shift);
		break;
	case PIIX_PM1_EVENT + 2:
	case PIIX_PM1_EVENT + 3:
		s->pm1_en = (uint16_t)((s->pm1_en & keep) | v << shift) &
			    PM1_EN_BITS;
		break;
	case PIIX_GPE0:
	case PIIX_GPE0 + 1:
		s->gpe[off - PIIX_GPE0] &= (uint8_t)~v;
		break;
	case PIIX_GPE0 + 2:
	case PIIX_GPE0 + 3:
		s->gpe[off - PIIX_GPE0] = v;
		break;
	default:
		break;
	}
}

static uint64_t pm_read(void *ctx, uint64_t off, unsigned int width)
{
	struct piix_pm *p = ctx;
	uint32_t timer;
	uint64_t v = 0;

	device_lock(&p->dev);
	catch_up(p);
	timer = (uint32_t)(p->s.timer_checked & BITS64(TIMER_BITS - 1, 0));
	for (unsigned int i = 0; i < width; i++)
		v |= (uint64_t)reg_read(p, (unsigned int)off + i, timer)
		     << (8 * i);
	update(p);
	device_unlock(&p->dev);
	return v;
}

static void pm_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	struct piix_pm *p = ctx;
	uint16_t cnt;

	device_lock(&p->dev);
	catch_up(p);
	if (off == PIIX_PM1_CONTROL && width >= 2) {
		write_control(p, (uint16_t)v);
	} else if (off - PIIX_PM1_CONTROL < 2 && width == 1) {
		unsigned int shift = 8 * (off & 1);

		cnt = p->s.pm1_cnt & (uint16_t) ~(0xffu << shift);
		write_control(p, (uint16_t)(cnt | v << shift));
	} else {
		for (unsigned int i = 0; i < width; i++)
			reg_write(p, (unsigned int)off + i,
				  (uint8_t)(v >> (8 * i)));
	}
	update(p);
	device_unlock(&p->dev);
}

static uint64_t apm_read(void *ctx, uint64_t off, unsigned int width)
{
	struct piix_pm *p = ctx;
	uint64_t v;

	device_lock(&p->dev);
	v = p->s.apm[off];
	device_unlock(&p->dev);
	return v;
}

static void apm_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	struct piix_pm *p = ctx;

	device_lock(&p->dev);
	p->s.apm[off] = (uint8_t)v;
	device_unlock(&p->dev);
}

/* Put the register block where the configuration says. No lock held. */
static void remap(struct piix_pm *p)
{
	uint64_t base = load_le32(p->s.config + CFG_PM_BASE) & 0xffc0;
	bool on = base && (p->s.config[CFG_MISC] & MISC_ENABLE);

	if (p->pm.size && (!on || p->pm.base != base)) {
		io_bus_remove(p->dev.env->pio, &p->pm);
		p->pm.size = 0;
	}
	if (!on || p->pm.size)
		return;
	p->pm.base = base;
	p->pm.size = PIIX_PM_SIZE;
	if (io_bus_add(p->dev.env->pio, &p->pm) < 0) {
		p->pm.size = 0;
		device_complain(&p->dev, "PM base on top of something else");
	}
}

static void config_written(struct pci_function *fn, unsigned int off,
			   unsigned int len)
{
	remap(container_of(fn->dev, struct piix_pm, dev));
}

static void piix_pm_reset(struct device *dev)
{
	struct piix_pm *p = container_of(dev, struct piix_pm, dev);
	struct piix_pm_state *s = &p->s;

	memset(s, 0, sizeof(*s));
	pci_config_init(s->config, 0x8086, 0x7113, 0x068000, 3);
	store_le16(s->config + PCI_STATUS, 0x0280);
	s->config[PCI_IRQ_LINE] = PIIX_SCI;
	s->config[PCI_IRQ_PIN] = 1;
	store_le32(s->config + CFG_PM_BASE, PIIX_PM_BASE | 1);
	store_le32(s->config + CFG_DEVACTB, APMC_EN);
	store_le32(s->config + CFG_SMB, 1);
	s->config[CFG_MISC] = MISC_ENABLE;
	s->pm1_cnt = CNT_SCI_EN;
	catch_up(p);
	s->pm1_sts = 0;
	update(p);
	remap(p);
}

static void piix_pm_loaded(struct device *dev)
{
	struct piix_pm *p = container_of(dev, struct piix_pm, dev);

	p->s.pm1_cnt |= CNT_SCI_EN;
	catch_up(p);
	update(p);
	remap(p);
}

static const struct io_region apm_ports = {
	.base = 0xb2,
	.size = 2,
	.max_width = 1,
	.name = "apm",
	.read = apm_read,
	.write = apm_write,
};

static int piix_pm_init(struct device *dev, const void *config)
{
	struct piix_pm *p = container_of(dev, struct piix_pm, dev);
	int err;

	p->sci = device_irq(dev, PIIX_SCI);
	timer_init(&p->timer, piix_pm_fire, p);
	p->mask[PCI_COMMAND] = PCI_COMMAND_IO;
	p->mask[PCI_IRQ_LINE] = 0xff;
	memset(p->mask + CFG_PM_BASE, 0xff, 2);
	p->mask[CFG_PM_BASE] = 0xc0;
	memset(p->mask + CFG_DEVACTB, 0xff, 4);
	p->mask[CFG_MISC] = 0x01;
	p->mask[CFG_SMB] = 0xf0;
	p->mask[CFG_SMB + 1] = 0xff;
	p->mask[CFG_HOST] = 0x0f;
	p->fn.dev = dev;
	p->fn.devfn = PCI_DEVFN(PIIX_DEVICE, 3);
	p->fn.config = p->s.config;
	p->fn.mask = p->mask;
	p->fn.written = config_written;
	p->pm.name = "pm";
	p->pm.max_width = 4;
	p->pm.read = pm_read;
	p->pm.write = pm_write;
	p->pm.ctx = p;
	piix_pm_reset(dev);
	err = pci_bus_add(dev->env->pci, &p->fn);
	if (err < 0)
		return err;
	return device_map(dev, dev->env->pio, &p->apm, &apm_ports, 1);
}

static void piix_pm_fini(struct device *dev)
{
	struct piix_pm *p = container_of(dev, struct piix_pm, dev);

	device_unmap(dev->env->pio, &p->apm, 1);
	io_bus_remove(dev->env->pio, &p->pm);
	pci_bus_remove(dev->env->pci, &p->fn);
	timer_cancel(dev->env->timers, &p->timer);
}

const struct device_class piix_pm_class = {
	.name = "piix-pm",
	.size = sizeof(struct piix_pm),
	.init = piix_pm_init,
	.fini = piix_pm_fini,
	.reset = piix_pm_reset,
	.state = &piix_pm_state_desc,
	.state_offset = offsetof(struct piix_pm, s),
	.loaded = piix_pm_loaded,
};
