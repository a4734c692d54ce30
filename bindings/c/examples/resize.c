/* Makes a picture smaller and shows the worker's progress.
 *
 *   resize [-h HOST] [-p PORT] [WIDTH IN.ppm OUT.ppm]
 *
 * Pictures are binary PPM, which needs no library. The workload is the new width, a blank and
 * the picture. Without files the program draws a picture of 640x480.
 */
#define _POSIX_C_SOURCE 200809L

#include "worker_processes.h"

/* Reports of progress per job. */
#define REPORTS 5

/* A PPM: its size, and where its pixels begin. */
struct picture_st
{
  size_t width;
  size_t height;
  const unsigned char *pixels;
};

/* Reads a PPM. Returns false if it is none, or incomplete. */
static bool read_ppm(const char *data, size_t size, struct picture_st *picture)
{
  char header[64]= "";
  memcpy(header, data, size < sizeof(header) - 1 ? size : sizeof(header) - 1);
  int length= 0;
  unsigned int width, height;
  /* One white space character ends the header. */
  if (sscanf(header, "P6 %5u %5u 255%n", &width, &height, &length) != 2 || length == 0)
  {
    return false;
  }
  picture->width= width;
  picture->height= height;
  picture->pixels= (const unsigned char *)data + length + 1;

  return width > 0 && height > 0 && size == (size_t)length + 1 + (size_t)width * height * 3;
}

/* The mean of a colour in the block of the picture that becomes one pixel. */
static unsigned char mean(const struct picture_st *picture, size_t top, size_t bottom,
                          size_t left, size_t right, size_t colour)
{
  size_t sum= 0;
  for (size_t y= top; y < bottom; y++)
  {
    for (size_t x= left; x < right; x++)
    {
      sum+= picture->pixels[(y * picture->width + x) * 3 + colour];
    }
  }

  return (unsigned char)(sum / ((bottom - top) * (right - left)));
}

/* The worker's function. */
static gearman_return_t resize(gearman_job_st *job, void *context)
{
  (void)context;
  const char *workload= gearman_job_workload(job);
  size_t size= gearman_job_workload_size(job);
  const char *blank= size > 0 ? memchr(workload, ' ', size) : NULL;
  struct picture_st picture;
  size_t width= blank ? strtoul(workload, NULL, 10) : 0;
  if (width == 0 || read_ppm(blank + 1, (size_t)(workload + size - blank - 1), &picture) == false ||
      width > picture.width)
  {
    return GEARMAN_FATAL;
  }
  size_t height= picture.height * width / picture.width;
  height= height == 0 ? 1 : height;

  char *result= malloc(32 + width * height * 3);
  if (result == NULL)
  {
    return GEARMAN_FATAL;
  }
  size_t used= (size_t)sprintf(result, "P6\n%lu %lu\n255\n", (unsigned long)width, (unsigned long)height);
  gearman_return_t rc= GEARMAN_SUCCESS;
  for (size_t y= 0; y < height && gearman_success(rc); y++)
  {
    for (size_t x= 0; x < width * 3; x++)
    {
      size_t column= x / 3;
      result[used++]= (char)mean(&picture,
                                 y * picture.height / height, (y + 1) * picture.height / height,
                                 column * picture.width / width, (column + 1) * picture.width / width,
                                 x % 3);
    }
    if ((y + 1) * REPORTS / height > y * REPORTS / height)
    {
      rc= gearman_job_send_status(job, (uint32_t)(y + 1), (uint32_t)height);
    }
  }
  if (gearman_success(rc))
  {
    rc= gearman_job_send_complete(job, result, used);
  }
  free(result);

  return gearman_failed(rc) ? GEARMAN_ERROR : GEARMAN_SUCCESS;
}

static gearman_return_t on_status(gearman_task_st *task)
{
  uint32_t done= gearman_task_numerator(task);
  uint32_t rows= gearman_task_denominator(task);
  printf("row %u of %u, %u%%\n", (unsigned int)done, (unsigned int)rows, (unsigned int)(done * 100 / rows));

  return GEARMAN_SUCCESS;
}

/* The context of the task. */
struct request_st
{
  const char *file;  /* NULL: the result is not written. */
  struct picture_st before;
  bool is_done;
};

static gearman_return_t on_complete(gearman_task_st *task)
{
  struct request_st *request= gearman_task_context(task);
  const char *data= gearman_task_data(task);
  size_t size= gearman_task_data_size(task);
  struct picture_st after;
  if (read_ppm(data, size, &after) == false)
  {
    fprintf(stderr, "resize: the result is no picture\n");
    return GEARMAN_SUCCESS;
  }
  unsigned long hash= 2166136261UL;
  for (size_t x= 0; x < size; x++)
  {
    hash= ((hash ^ (unsigned char)data[x]) * 16777619UL) & 0xffffffffUL;
  }
  printf("%lux%lu became %lux%lu, FNV-1a %08lx\n",
         (unsigned long)request->before.width, (unsigned long)request->before.height,
         (unsigned long)after.width, (unsigned long)after.height, hash);
  request->is_done= true;
  FILE *file= request->file ? fopen(request->file, "wb") : NULL;
  if (request->file != NULL &&
      (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0))
  {
    perror(request->file);
    request->is_done= false;
  }

  return GEARMAN_SUCCESS;
}

/* Writes the width and a blank, and then a picture of 640x480: two gradients and a disc. */
static size_t draw(char *workload, size_t width)
{
  size_t used= (size_t)sprintf(workload, "%lu P6\n640 480\n255\n", (unsigned long)width);
  for (int y= 0; y < 480; y++)
  {
    for (int x= 0; x < 640; x++)
    {
      bool is_inside= (x - 320) * (x - 320) + (y - 240) * (y - 240) < 150 * 150;
      workload[used++]= (char)(x * 255 / 639);
      workload[used++]= (char)(y * 255 / 479);
      workload[used++]= (char)(is_inside ? 255 : 64);
    }
  }

  return used;
}

int main(int argc, char *argv[])
{
  const char *arguments= "[WIDTH IN.ppm OUT.ppm]";
  struct server_st server;
  int first= read_options(argc, argv, arguments, 0, &server);
  int count= argc - first;
  size_t width= count == 3 ? strtoul(argv[first], NULL, 10) : 80;
  if ((count != 0 && count != 3) || width == 0 || width > 65535)
  {
    usage(argv[0], arguments);
  }

  size_t room= 64 * 1024 * 1024;
  char *workload= malloc(room);
  if (workload == NULL)
  {
    fprintf(stderr, "resize: out of memory\n");
    return EXIT_FAILURE;
  }
  size_t size;
  FILE *file= count == 3 ? fopen(argv[first + 1], "rb") : NULL;
  if (count == 3 && file == NULL)
  {
    perror(argv[first + 1]);
    return EXIT_FAILURE;
  }
  if (file != NULL)
  {
    size= (size_t)sprintf(workload, "%lu ", (unsigned long)width);
    size+= fread(workload + size, 1, room - size, file);
    (void)fclose(file);
  }
  else
  {
    size= draw(workload, width);
  }
  struct request_st request= { count == 3 ? argv[first + 2] : NULL, { 0, 0, NULL }, false };
  const char *picture= strchr(workload, ' ') + 1;
  if (read_ppm(picture, (size_t)(workload + size - picture), &request.before) == false)
  {
    fprintf(stderr, "resize: %s is no binary PPM of 8 bits per colour\n", argv[first + 1]);
    return EXIT_FAILURE;
  }

  const struct offer_st offer= { "resize", gearman_function_create(resize) };
  start_workers(1, &server, &offer, 1, NULL);
  gearman_client_st *client= connect_client("resize", &server);
  gearman_client_add_options(client, GEARMAN_CLIENT_FREE_TASKS);
  gearman_client_set_status_fn(client, on_status);
  gearman_client_set_complete_fn(client, on_complete);
  gearman_return_t rc;
  if (gearman_client_add_task(client, NULL, &request, "resize", NULL, workload, size, &rc) == NULL ||
      gearman_failed(rc= gearman_client_run_tasks(client)))
  {
    fprintf(stderr, "resize: %s\n", gearman_client_error(client));
  }
  else if (request.is_done == false)
  {
    fprintf(stderr, "resize: the job failed\n");
  }
  gearman_client_free(client);
  free(workload);

  return request.is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
