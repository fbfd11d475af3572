/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a device, the same for every class. */
#include <device/device.h>
#include <device/io_bus.h>

#include <errno.h>
#include <stdlib.h>

int device_new(struct device **ret, const struct device_class *class,
	       const struct device_env *env, const void *config)
{
	struct device *dev = calloc(1, class->size);
	int err;

	if (!dev)
		return -ENOMEM;
	dev->class = class;
	dev->env = env;
	(void)pthread_mutex_init(&dev->lock, NULL);
	err = class->init(dev, config);
	if (err < 0) {
		device_free(dev);
		return err;
	}
	*ret = dev;
	return 0;
}

void device_free(struct device *dev)
{
	if (!dev)
		return;
	if (dev->class->fini)
		dev->class->fini(dev);
	(void)pthread_mutex_destroy(&dev->lock);
	free(dev);
}

void device_reset(struct device *dev)
{
	if (!dev->class->reset)
		return;
	device_lock(dev);
	dev->class->reset(dev);
	device_unlock(dev);
}

int64_t device_save(struct device *dev, void *buf, size_t size)
{
	const struct device_class *c = dev->class;
	int64_t n;

	if (!c->state)
		return -ENOTSUP;
	device_lock(dev);
	n = state_save(c->state, (const char *)dev + c->state_offset, buf,
		       size);
	device_unlock(dev);
	return n;
}

int64_t device_load(struct device *dev, const void *buf, size_t size)
{
	const struct device_class *c = dev->class;
	void *scratch;
	int64_t n;

	if (!c->state)
		return -ENOTSUP;
	scratch = malloc(c->state->size);
	if (!scratch)
		return -ENOMEM;
	device_lock(dev);
	n = state_load(c->state, (char *)dev + c->state_offset, buf, size,
		       scratch);
	if (n >= 0 && c->loaded)
		c->loaded(dev);
	device_unlock(dev);
	free(scratch);
	return n;
}

int device_map(struct device *dev, struct io_bus *bus, struct io_region *region,
	       const struct io_region *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int err;

		region[i] = table[i];
		region[i].ctx = dev;
		err = io_bus_add(bus, &region[i]);
		if (err < 0)
			return err;
	}
	return 0;
}

void device_unmap(struct io_bus *bus, struct io_region *region, size_t n)
{
	for (size_t i = 0; i < n; i++)
		io_bus_remove(bus, &region[i]);
}
