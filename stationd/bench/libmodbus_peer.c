/* A Modbus TCP server, and a client that reads registers as fast as it can, on libmodbus: the baseline of "bench bus".
 *
 *   peer server                          prints its port, answers one client after the other until it is killed
 *   peer client PORT REGISTERS SECONDS   prints transactions per second
 */
#include <errno.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int serve(void)
{
    modbus_t *bus = modbus_new_tcp("127.0.0.1", 0);
    modbus_mapping_t *map = modbus_mapping_new(16, 16, 1000, 1000);
    if (!bus || !map)
        return 1;
    int listener = modbus_tcp_listen(bus, 4);
    struct sockaddr_in name;
    socklen_t length = sizeof name;
    if (listener < 0 || getsockname(listener, (struct sockaddr *)&name, &length) != 0)
        return 1;
    printf("%d\n", ntohs(name.sin_port));
    fflush(stdout);
    for (;;) {
        if (modbus_tcp_accept(bus, &listener) < 0)
            return 1;
        uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
        int got;
        while ((got = modbus_receive(bus, query)) >= 0)
            if (got > 0)
                modbus_reply(bus, query, got, map);
        modbus_close(bus);
    }
}

static int ask(int port, int registers, double seconds)
{
    uint16_t words[MODBUS_MAX_READ_REGISTERS];
    modbus_t *bus = modbus_new_tcp("127.0.0.1", port);
    if (!bus || registers < 1 || registers > MODBUS_MAX_READ_REGISTERS || modbus_connect(bus) != 0) {
        fprintf(stderr, "connect: %s\n", modbus_strerror(errno));
        return 1;
    }
    double begin = now();
    long count = 0;
    while (now() - begin < seconds) {
        if (modbus_read_registers(bus, 0, registers, words) != registers) {
            fprintf(stderr, "read: %s\n", modbus_strerror(errno));
            return 1;
        }
        count++;
    }
    printf("%f\n", (double)count / (now() - begin));
    modbus_close(bus);
    modbus_free(bus);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "server") == 0)
        return serve();
    if (argc == 5 && strcmp(argv[1], "client") == 0)
        return ask(atoi(argv[2]), atoi(argv[3]), atof(argv[4]));
    fprintf(stderr, "usage: peer server | peer client PORT REGISTERS SECONDS\n");
    return 2;
}
