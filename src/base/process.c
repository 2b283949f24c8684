/* SPDX-License-Identifier: MIT */
#include "base/process.h"

#include "os/os.h"

#include <ncmodel/ncmodel.h>

#include <stdlib.h>

const char *ncm_version(void)
{
	return NCM_VERSION;
}

int ncm_process_prepare(struct ncm_error *err)
{
	if (os_hold_standard_streams() < 0)
		return ncm_error_set(err, NCM_E_IO, "cannot open /dev/null");
	/* Tokens are in memory: no core file, no debugger of other users, no TLS keys in a file. */
	os_prepare();
	unsetenv("SSLKEYLOGFILE");
	return 0;
}
