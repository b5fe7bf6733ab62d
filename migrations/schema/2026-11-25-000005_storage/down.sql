DROP TABLE file_signatures, files;
