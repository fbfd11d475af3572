/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware configuration interface that QEMU defined: numbered items and
 * a directory of named files, read by SeaBIOS and by guests' fw_cfg drivers.
 */
#pragma once

#include <device/device.h>

#include <stddef.h>

#define FW_CFG_RAM_SIZE      0x03
#define FW_CFG_NB_CPUS       0x05
#define FW_CFG_BOOT_MENU     0x0e
#define FW_CFG_MAX_CPUS      0x0f
#define FW_CFG_IRQ0_OVERRIDE 0x8002 /* PC only, as all from 8000 on */
#define FW_CFG_MAX_FILES     32
#define FW_CFG_NAME_SIZE     56

/* No config. */
extern const struct device_class fw_cfg_class;

/*
 * Give item @key, or a file, a copy of @data. Before a processor runs. -ENOMEM;
 * -ENOSPC: too many; -EINVAL: no such key, or the name is too long.
 */
int fw_cfg_add(struct device *dev, uint16_t key, const void *data, size_t len);
int fw_cfg_add_file(struct device *dev, const char *name, const void *data,
		    size_t len);
